"""Whether one index value satisfies one leaf (FHIR R4, Search, 3.1.1.5 and, for prefixes,
3.1.1.5.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from xinglin.fhir.search.strings import normalise
from xinglin.fhir.search.tree import (
    Date,
    Leaf,
    Number,
    Prefix,
    Quantity,
    Reference,
    String,
    Token,
    Uri,
)
from xinglin.fhir.ucum import canonical

UCUM: Final = "http://unitsofmeasure.org"


def matches(leaf: Leaf, entry: tuple[Any, ...]) -> bool:
    """Whether an entry, whatever parameter it is of, satisfies a leaf."""
    _, *held = entry
    match leaf, held:
        case Token(), [system, code]:
            return leaf.system in (None, system) and leaf.code in (None, code)
        case String(), [text]:
            return _string_holds(leaf, text)
        case Uri(), [uri]:
            return _uri_holds(leaf, uri)
        case Reference(), [type, id]:
            return (leaf.type, leaf.id) == (type, id)
        case Date(), [low, high]:
            return range_holds(leaf.prefix, low, high, leaf.low, leaf.high)
        case Number(), [value]:
            return number_holds(leaf.prefix, value, leaf.value, leaf.low, leaf.high)
        case Quantity(), [value, system, code, unit]:
            return _quantity_holds(leaf, value, system, code, unit)
    return False  # a component may be a reference or an address


def range_holds(prefix: Prefix, start: int, end: int, low: int, high: int) -> bool:
    """Whether a target range lies to the asked one as the prefix says."""
    within = low <= start and end <= high
    match prefix:
        case "eq":
            return within
        case "ne":
            return not within
        case "ap":
            return start <= high and low <= end
        case "gt":
            return end > high
        case "lt":
            return start < low
        case "ge":
            return end > high or within
        case "le":
            return start < low or within
        case "sa":
            return start > high
        case "eb":
            return end < low


def number_holds(
    prefix: Prefix, target: Decimal, value: Decimal, low: Decimal, high: Decimal
) -> bool:
    """Whether a target number lies to the asked one as the prefix says."""
    match prefix:
        case "eq":
            return low <= target < high
        case "ne":
            return not low <= target < high
        case "ap":
            return low <= target <= high
        case "gt" | "sa":
            return target > value
        case "lt" | "eb":
            return target < value
        case "ge":
            return target >= value
        case "le":
            return target <= value


def _string_holds(leaf: String, text: str) -> bool:
    if leaf.mode == "exact":
        return text == leaf.text
    held, asked = normalise(text), normalise(leaf.text)
    return held.startswith(asked) if leaf.mode == "starts" else asked in held


def _uri_holds(leaf: Uri, uri: str) -> bool:
    above, below = (leaf.uri, uri) if leaf.mode == "below" else (uri, leaf.uri)
    return above == below or (leaf.mode != "exact" and below.startswith(f"{above}/"))


def _quantity_holds(leaf: Quantity, value: Decimal, system: str, code: str, unit: str) -> bool:
    asked = (leaf.value, leaf.low, leaf.high)
    if leaf.system is None:
        fits = leaf.code is None or leaf.code in (code, unit)
    else:
        fits = (leaf.system, leaf.code) == (system, code)
    if fits:
        return number_holds(leaf.prefix, value, *asked)
    if leaf.code is None or not leaf.system == system == UCUM:
        return False
    held = canonical(value, code)
    converted = [canonical(each, leaf.code) for each in asked]
    if held is None or any(each is None or each[1] != held[1] for each in converted):
        return False
    middle, low, high = (each[0] for each in converted if each)
    return number_holds(leaf.prefix, held[0], middle, low, high)
