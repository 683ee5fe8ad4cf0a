"""The slow look at every member of a resource, for what decoding alone does not refuse.

FHIR R4, JSON representation: no member twice, none empty, no number in quotes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from xinglin.fhir.json import check_members
from xinglin.fhir.outcome import Code, Issue, Refused


def check_exactly(text: bytes, value: msgspec.Struct | None, at: str) -> None:
    """Refuses the first member that is at fault and names its place.

    Args:
        text: compact JSON of one resource; its depth has been limited.
        value: what it was decoded to, if it could be.
        at: the place of the resource.
    """
    check_members(text, at)
    _check(json.loads(text, parse_int=Decimal), value, at)


def _check(found: Any, value: Any, at: str) -> None:
    if found in ("", [], {}):
        _refuse("structure", "fhir.empty", at)
    if isinstance(found, dict):
        _check_object(found, value, at)
    elif isinstance(found, list):
        decoded = value if isinstance(value, list) else [None] * len(found)
        for n, (item, inner) in enumerate(zip(found, decoded, strict=True)):
            _check(item, inner, f"{at}[{n}]")
    elif isinstance(found, str) and isinstance(value, Decimal):
        _refuse("structure", "fhir.wrong-type", at, expected="number", got="string")


def _check_object(found: dict[str, Any], value: Any, at: str) -> None:
    attributes = _attributes(value)
    for name, item in found.items():
        _check(item, getattr(value, attributes.get(name, ""), None), f"{at}.{name}")


def _attributes(value: Any) -> dict[str, str]:
    """Attribute names by member names (`class` is kept in `class_`)."""
    if not isinstance(value, msgspec.Struct):
        return {}
    return dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))


def _refuse(code: Code, key: str, at: str, **given: str | int) -> NoReturn:
    raise Refused(Issue(code, key, at, given))
