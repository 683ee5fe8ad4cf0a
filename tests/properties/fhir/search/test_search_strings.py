"""Two spellings of the same words are equal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.search.strings import normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("José  MÜLLER ", "jose muller"),
        ("Straße", "strasse"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("İzmir", "izmir"),
        ("王小明", "王小明"),
        ("王\u3000小明", "王 小明"),
        ("ＡＢＣ", "abc"),
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_spellings(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(st.text())
def test_it_changes_nothing_twice(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet=st.characters(codec="latin-1")))
def test_composed_and_decomposed_are_equal(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert normalise(composed) == normalise(unicodedata.normalize("NFD", text))


@given(st.text(alphabet=st.characters(max_codepoint=0x24F, categories=["Lu", "Ll", "Zs"])))
def test_case_does_not_matter(text: str) -> None:
    assert normalise(text.casefold()) == normalise(text)
