"""Issues are said in both languages, and a flaw in the wording never hides the issue."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.outcome import Issue
from xinglin.fhir.resource import parse
from xinglin.fhir.wording import Language, outcome, sentence

BAD_CODE = Issue("value", "fhir.bad-code", at="Patient.gender", given={"value": "a  b"})


def test_an_issue_is_said_in_the_readers_language() -> None:
    assert "a  b" in sentence(BAD_CODE, "en")
    assert "a  b" in sentence(BAD_CODE, "zh")
    assert sentence(BAD_CODE, "en") != sentence(BAD_CODE, "zh")


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers()))
@pytest.mark.parametrize("language", get_args(Language))
def test_a_key_without_a_sentence_is_shown_itself(
    language: Language, key: str, values: dict[str, str | int]
) -> None:
    issue = Issue("exception", f"nowhere.{key}", given=values)
    assert sentence(issue, language) == issue.key


@given(st.text())
@pytest.mark.parametrize("language", get_args(Language))
def test_no_key_can_break_the_rendering(language: Language, key: str) -> None:
    assert isinstance(sentence(Issue("exception", key), language), str)


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_a_value_that_is_not_given_leaves_the_key(values: dict[str, str | int]) -> None:
    values.pop("value", None)
    assert sentence(Issue("value", "fhir.bad-code", given=values), "en") == "fhir.bad-code"


@given(st.text())
def test_a_value_is_shown_as_it_is_and_never_read_as_wording(value: str) -> None:
    issue = Issue("value", "fhir.bad-code", given={"value": value})
    assert value in sentence(issue, "en")


def test_the_outcome_says_what_where_and_how_badly() -> None:
    made = outcome([BAD_CODE, Issue("processing", "nowhere.at-all", severity="warning")], "en")
    assert made["issue"] == [
        {
            "severity": "error",
            "code": "value",
            "details": {"text": sentence(BAD_CODE, "en")},
            "diagnostics": "fhir.bad-code",
            "expression": ["Patient.gender"],
        },
        {
            "severity": "warning",
            "code": "processing",
            "details": {"text": "nowhere.at-all"},
            "diagnostics": "nowhere.at-all",
        },
    ]


@pytest.mark.parametrize("language", get_args(Language))
def test_the_outcome_is_a_valid_resource(language: Language) -> None:
    made: dict[str, Any] = outcome([BAD_CODE], language)
    assert parse(orjson.dumps(made)).type == "OperationOutcome"
