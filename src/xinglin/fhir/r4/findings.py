"""Turns what msgspec found wrong with a resource into an Issue that helps: what, where, what else.

msgspec says one sentence and a path (`Expected `str`, got `int` - at `$.name[0].family``). The
path leads to the value and, through the R4 definitions, to the element's type and value set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from xinglin.fhir.outcome import Issue
from xinglin.fhir.r4 import model

_PATH = re.compile(r" - at `\$([\w.\[\]]*)`\Z")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")

_JSON_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "decimal": "number",
    "bool": "boolean",
}
_LISTED_CODES = 12  # a longer list helps nobody


class _Place:
    """The element that a path leads to: its value, its FHIR type, its definition."""

    def __init__(self, resource_type: str, text: bytes, path: str) -> None:
        self.type = resource_type
        self.value: Any = json.loads(text, parse_int=str, parse_float=str)
        self.element: model.Element | None = None
        for name, index in _STEP.findall(path):
            try:
                self.value = self.value[int(index) if index else name]
            except (TypeError, LookupError):  # a member's name imitates msgspec's paths
                self.value = None
            if name:
                self.element, self.type = model.properties(self.type).get(
                    name, (None, "Element" if name.startswith("_") else "")
                )


def issue_of(error: msgspec.ValidationError, resource_type: str, text: bytes, root: str) -> Issue:
    """The Issue for the first thing that msgspec found wrong.

    Args:
        resource_type: what `text` was decoded as.
        text: compact JSON of the resource.
        root: the place of the resource, which its own places begin with.
    """
    message = str(error)
    found = _PATH.search(message)
    path = found[1] if found else ""
    message = message[: found.start()] if found else message
    for pattern, finding in _FINDINGS:
        match = pattern.fullmatch(message)
        if match:
            place = _Place(resource_type, text, path)
            return finding(match, place, root + path)
    return Issue("invalid", "fhir.invalid", root + path)


def _unknown(found: re.Match[str], place: _Place, at: str) -> Issue:
    given: dict[str, str | int] = {"name": found[1][:64], "type": place.type or "Element"}
    return Issue("structure", "fhir.unknown-element", f"{at}.{found[1][:64]}", given)


def _missing(found: re.Match[str], _: _Place, at: str) -> Issue:
    return Issue("required", "fhir.element-missing", f"{at}.{found[1]}", {"name": found[1]})


def _two_of_choice(found: re.Match[str], place: _Place, at: str) -> Issue:
    there = [
        name
        for name, (element, _) in model.properties(place.type).items()
        if element.name == found[1] and (name in place.value or f"_{name}" in place.value)
    ]
    given: dict[str, str | int] = {"name": found[1], "found": ", ".join(there)}
    return Issue("structure", "fhir.choice-twice", f"{at}.{found[1]}", given)


def _null(found: re.Match[str], _: _Place, at: str) -> Issue:
    return Issue("structure", "fhir.null", f"{at}.{found[1]}")


def _wrong_type(found: re.Match[str], _: _Place, at: str) -> Issue:
    expected = found[1].removesuffix(" | null")
    got = _JSON_NAMES.get(found[2], found[2])
    if got == "null":
        return Issue("structure", "fhir.null", at)
    given: dict[str, str | int] = {"expected": _JSON_NAMES.get(expected, expected), "got": got}
    return Issue("structure", "fhir.wrong-type", at, given)


def _bad_format(_: re.Match[str], place: _Place, at: str) -> Issue:
    kind = "uri" if place.type in {"url", "canonical"} else place.type
    return Issue("value", f"fhir.bad-{kind}", at, {"value": str(place.value)[:64]})


def _out_of_range(_: re.Match[str], place: _Place, at: str) -> Issue:
    given: dict[str, str | int] = {"type": place.type, "value": str(place.value)[:64]}
    return Issue("value", "fhir.out-of-range", at, given)


def _beyond_doubles(found: re.Match[str], place: _Place, at: str) -> Issue:
    value = str(place.value.get(found[1]))[:64]
    return Issue(
        "value", "fhir.out-of-range", f"{at}.{found[1]}", {"type": "decimal", "value": value}
    )


def _bad_code(_: re.Match[str], place: _Place, at: str) -> Issue:
    value_set = place.element.binding if place.element else ""
    codes = model.codes(value_set)
    listed = ", ".join(codes[:_LISTED_CODES]) + (" …" if len(codes) > _LISTED_CODES else "")
    given: dict[str, str | int] = {
        "code": str(place.value)[:64],
        "value_set": value_set,
        "codes": listed,
    }
    return Issue("code-invalid", "fhir.code-not-in-value-set", at, given)


def _bad_decimal(_: re.Match[str], place: _Place, at: str) -> Issue:
    return Issue("value", "fhir.bad-decimal", at, {"value": str(place.value)[:64]})


_FINDINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], _Place, str], Issue]], ...] = (
    (re.compile(r"Object contains unknown field `(.*)`", re.DOTALL), _unknown),
    (re.compile(r"Object missing required field `(.*)`"), _missing),
    (re.compile(r"required (\w+)"), _missing),
    (re.compile(r"choice (\w+)"), _two_of_choice),
    (re.compile(r"range (\w+)"), _beyond_doubles),
    (re.compile(r"null (\w+\[\d+\])"), _null),
    (re.compile(r"Expected `str` matching regex .*", re.DOTALL), _bad_format),
    (re.compile(r"Expected `int` [<>]=? -?\d+|Integer value out of range"), _out_of_range),
    (re.compile(r"Expected `([^`]*)`, got `(\w+)`"), _wrong_type),
    (re.compile(r"Invalid enum value .*", re.DOTALL), _bad_code),
    (re.compile(r"Invalid decimal string"), _bad_decimal),
)
