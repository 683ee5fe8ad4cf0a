"""Conversions (FHIRPath N1, section 5.5): `toX` is empty where `convertsToX` is false."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath.items import Atom, Collection, Thing
from xinglin.fhir.fhirpath.operators import LARGEST
from xinglin.fhir.fhirpath.parser import CALENDAR
from xinglin.fhir.fhirpath.quantities import CONTEXT, canonical, plain, written
from xinglin.fhir.fhirpath.scope import Work, maybe, only, string
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity

_T = TypeVar("_T")
Conversion = Callable[[Thing], Atom | None]
_TRUE: Final = ("true", "t", "yes", "y", "1", "1.0")
_FALSE: Final = ("false", "f", "no", "n", "0", "0.0")
_integer_shape = re.compile(r"[+-]?\d{1,10}", re.ASCII).fullmatch
_decimal_shape = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII).fullmatch
_quantity_shape = re.compile(
    r"([+-]?\d{1,40}(?:\.\d{1,40})?)\s*(?:'([^']+)'|([a-z]+))?", re.ASCII
).fullmatch


def boolean(value: Thing) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        text = value.lower()
        return True if text in _TRUE else False if text in _FALSE else None
    return None


def whole(value: Thing) -> int | None:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and _integer_shape(value):
        number = int(value)
        return number if -LARGEST - 1 <= number <= LARGEST else None
    return None


def exact(value: Thing) -> Decimal | None:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _decimal_shape(value) else None


def date(value: Thing) -> Date | None:
    if isinstance(value, Date):
        return value
    if isinstance(value, DateTime):
        return Date(value.year, value.month, value.day)
    return _parsed(Date.parse, value)


def datetime(value: Thing) -> DateTime | None:
    if isinstance(value, DateTime):
        return value
    if isinstance(value, Date):
        return DateTime(value.year, value.month, value.day)
    return _parsed(DateTime.parse, value)


def time(value: Thing) -> Time | None:
    return value if isinstance(value, Time) else _parsed(Time.parse, value)


def _parsed(parse: Callable[[str], _T], value: Thing) -> _T | None:
    if not isinstance(value, str):
        return None
    try:
        return parse(value)
    except ValueError:
        return None


def quantity(value: Thing) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, int | Decimal):
        return Quantity(Decimal(value), "1", calendar=False)
    if not isinstance(value, str) or not (found := _quantity_shape(value.strip())):
        return None
    number, unit, word = Decimal(found[1]), found[2], found[3]
    if word is None:
        return Quantity(number, unit or "1", calendar=False)
    return Quantity(number, CALENDAR[word], calendar=True) if word in CALENDAR else None


def text(value: Thing) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Quantity):
        return written(value)
    return str(value) if isinstance(value, int | str | Date | DateTime | Time) else None


def to(conversion: Conversion) -> Callable[[Work, Collection], Collection]:
    def run(_: Work, source: Collection) -> Collection:
        value = only(source)
        return [] if value is None else maybe(conversion(value))

    return run


def converts(conversion: Conversion) -> Callable[[Work, Collection], Collection]:
    def run(_: Work, source: Collection) -> Collection:
        value = only(source)
        return [] if value is None else [conversion(value) is not None]

    return run


def to_quantity(_: Work, source: Collection, *unit: Collection) -> Collection:
    """With a unit: converted into it, empty for another dimension."""
    value = only(source)
    found = None if value is None else quantity(value)
    wanted = string(unit[0]) if unit else None
    if found is None or wanted is None:
        return maybe(found)
    into = Quantity(Decimal(1), CALENDAR.get(wanted, wanted), calendar=wanted in CALENDAR)
    (number, base), (factor, other) = canonical(found), canonical(into)
    if base != other or not factor:
        return []
    converted = CONTEXT.divide(number, factor)
    return [Quantity(plain(converted), into.unit, into.calendar)]


def converts_to_quantity(work: Work, source: Collection, *unit: Collection) -> Collection:
    return [bool(to_quantity(work, source, *unit))] if source else []
