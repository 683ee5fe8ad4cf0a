"""Issues in the reader's words: sentences and the OperationOutcome (FHIR R4, OperationOutcome).

The sentences lie in `locale/{en,zh}.json` of the layer that an issue's key begins with. A
sentence that is missing or asks for something not given must not hide the refusal it
describes: the reader then sees the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from xinglin.fhir.outcome import Issue

Language = Literal["en", "zh"]


def sentence(issue: Issue, language: Language) -> str:
    """What went wrong, for people.

    >>> sentence(Issue("value", "nowhere.to-be-found"), "en")
    'nowhere.to-be-found'
    """
    wording = _sentences(issue.key.partition(".")[0], language).get(issue.key, issue.key)
    try:
        return wording.format_map(issue.given)
    except (LookupError, ValueError, TypeError, AttributeError):
        return issue.key


def outcome(issues: Iterable[Issue], language: Language) -> dict[str, Any]:
    """The OperationOutcome of these issues, as a JSON object.

    `diagnostics` is the key: it stays the same in all languages, to be searched for.
    """
    return {
        "resourceType": "OperationOutcome",
        "issue": [_element(issue, language) for issue in issues],
    }


def _element(issue: Issue, language: Language) -> dict[str, Any]:
    element: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"text": sentence(issue, language)},
        "diagnostics": issue.key,
    }
    if issue.at:
        element["expression"] = [issue.at]
    return element


@cache
def _sentences(layer: str, language: Language) -> dict[str, str]:
    try:
        found = files(f"xinglin.{layer}").joinpath("locale", f"{language}.json")
        return dict(json.loads(found.read_text(encoding="utf-8")))
    except (ModuleNotFoundError, FileNotFoundError):
        return {}
