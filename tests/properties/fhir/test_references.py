"""References to this very server become relative, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.references import relative

BASE = "http://here.example:8000/fhir"
OURS = ["Patient/1", "Observation/a-B.c/_history/3", "Practitioner/" + "x" * 64]
OTHERS = [
    BASE,
    f"{BASE}/",
    f"{BASE}/Patient",
    f"{BASE}/Patient?identifier=1",
    f"{BASE}/patient/1",
    f"{BASE}x/Patient/1",
    f"{BASE}/Patient/1/x",
    f"{BASE}/Patient/1\n",
    "http://hereXexample:8000/fhir/Patient/1",
    "https://here.example:8000/fhir/Patient/1",
    "Patient/1",
    "#p",
    f'"reference":"{BASE}/Patient/1"',
]
texts = st.sampled_from([*OTHERS, *(f"{BASE}/{ours}" for ours in OURS)])
documents = st.recursive(
    texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["reference", "url", "display"]), inner, max_size=3)
    ),
    max_leaves=10,
)


def walked(value: Any) -> Any:
    """The slow truth."""
    if isinstance(value, list):
        return [walked(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: walked(each) for name, each in value.items()}
    reference = value.get("reference")
    if isinstance(reference, str) and reference.removeprefix(f"{BASE}/") in OURS:
        changed["reference"] = reference.removeprefix(f"{BASE}/")
    return changed


@given(documents, st.booleans(), st.sampled_from([None, 2]))
def test_references_of_ours_lose_the_address_and_no_others(
    document: Any, escaped: bool, indent: int | None
) -> None:
    written = json.dumps(document, indent=indent)
    if escaped:
        written = written.replace("/", "\\/")
    assert json.loads(relative(written.encode(), BASE)) == walked(document)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b' { "reference" : "Patient/1", "value": 1.50 } ',
        rb'{"url": "http:\/\/here.example:8000\/fhir\/Patient\/1"}',
    ],
)
def test_what_holds_none_stays_as_it_was_written(data: bytes) -> None:
    assert relative(data, BASE) == data
