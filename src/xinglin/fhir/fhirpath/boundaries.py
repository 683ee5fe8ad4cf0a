"""How precise a value is, and the least and greatest that it can mean (FHIRPath continuous
build, sections "Precision" and "Boundary"; the digits of a date count: 2014-01 has 6)."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Final

from xinglin.fhir.dates import Date, DateTime, Time, days_in_month
from xinglin.fhir.fhirpath import quantities
from xinglin.fhir.fhirpath.items import Atom, Collection, Thing, exposed, refused
from xinglin.fhir.fhirpath.scope import Work, integer, maybe, only
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity

MOST_PLACES: Final = 28
_WIDE: Final = Context(prec=200)


def low(_: Work, source: Collection, *precision: Collection) -> Collection:
    return _boundary(source, precision, -1)


def high(_: Work, source: Collection, *precision: Collection) -> Collection:
    return _boundary(source, precision, 1)


def _boundary(source: Collection, precision: tuple[Collection, ...], side: int) -> Collection:
    value = only(source)
    digits = integer(precision[0]) if precision else None
    match value:
        case None:
            return []
        case bool():
            pass
        case int() | Decimal():
            return maybe(_decimal(Decimal(value), side, digits))
        case Quantity():
            number = _decimal(value.value, side, digits)
            return [] if number is None else [Quantity(number, value.unit, value.calendar)]
        case Date():
            return maybe(_date(value, side, 8 if digits is None else digits))
        case DateTime():
            return maybe(_datetime(value, side, 17 if digits is None else digits))
        case Time():
            return maybe(_time(value, side, 9 if digits is None else digits))
    raise refused("wrong-type", expected="Decimal", found=exposed(value).type)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _decimal(value: Decimal, side: int, digits: int | None) -> Decimal | None:
    """Half a unit of the last digit to the side; away from zero it is rounded, towards zero
    cut, so that 1.587 lies between 1.58 and 1.59."""
    places = 8 if digits is None else digits
    if not 0 <= places <= MOST_PLACES:
        return None
    half = Decimal(5).scaleb(-_places(value) - 1)
    bound = _WIDE.add(value, half if side > 0 else -half)
    outward = (side > 0) == (bound > 0)
    rounding = ROUND_HALF_UP if outward else ROUND_DOWN
    return bound.quantize(Decimal(1).scaleb(-places), rounding, _WIDE)


def _date(value: Date, side: int, digits: int) -> Date | None:
    if digits not in (4, 6, 8):
        return None
    month, day = _filled_day(value, side)
    return Date(value.year, month if digits >= 6 else None, day if digits >= 8 else None)


def _filled_day(value: Date | DateTime, side: int) -> tuple[int, int]:
    month = value.month or (1 if side < 0 else 12)
    return month, value.day or (1 if side < 0 else days_in_month(value.year, month))


def _filled_clock(value: DateTime | Time, side: int) -> tuple[int, int, Decimal]:
    hour = value.hour if value.hour is not None else (0 if side < 0 else 23)
    minute = value.minute if value.minute is not None else (0 if side < 0 else 59)
    second = value.second
    if second is None:
        second = Decimal(0 if side < 0 else 59)
    if _places(second) == 0:
        second += Decimal("0.000") if side < 0 else Decimal("0.999")
    return hour, minute, second


def _datetime(value: DateTime, side: int, digits: int) -> DateTime | None:
    if digits not in (4, 6, 8, 10, 12, 14, 17):
        return None
    month, day = _filled_day(value, side)
    hour, minute, second = _filled_clock(value, side)
    if digits < 17:
        second = second.quantize(Decimal(1), ROUND_DOWN)
    offset = value.offset
    if offset is None:
        # The earliest moment of a day without a zone is in the east, the latest in the west.
        offset = 14 * 60 if side < 0 else -12 * 60
    return DateTime(
        value.year,
        month if digits >= 6 else None,
        day if digits >= 8 else None,
        hour if digits >= 10 else None,
        minute if digits >= 12 else None,
        second if digits >= 14 else None,
        offset if digits >= 10 else None,
    )


def _time(value: Time, side: int, digits: int) -> Time | None:
    if digits not in (2, 4, 6, 9):
        return None
    hour, minute, second = _filled_clock(value, side)
    if digits < 9:
        second = second.quantize(Decimal(1), ROUND_DOWN)
    return Time(hour, minute if digits >= 4 else None, second if digits >= 6 else None)


def precision(_: Work, source: Collection) -> Collection:
    value = only(source)
    return [] if value is None else [_precision(value)]


def _precision(value: Thing) -> int:
    parts: tuple[Atom | None, ...]
    match value:
        case int() | Decimal() if not isinstance(value, bool):
            return _places(Decimal(value))
        case Date():
            parts = (value.month, value.day)
            return 4 + 2 * sum(part is not None for part in parts)
        case DateTime():
            parts = (value.month, value.day, value.hour, value.minute, value.second)
            digits = 4 + 2 * sum(part is not None for part in parts)
            return digits + (_places(value.second) if value.second is not None else 0)
        case Time():
            parts = (value.hour, value.minute, value.second)
            digits = 2 * sum(part is not None for part in parts)
            return digits + (_places(value.second) if value.second is not None else 0)
    raise refused("wrong-type", expected="Decimal", found=exposed(value).type)


def comparable(_: Work, source: Collection, other: Collection) -> Collection:
    """Whether two quantities have one dimension."""
    left, right = only(source), only(other)
    if left is None or right is None:
        return []
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        raise refused("wrong-type", expected="Quantity", found=exposed(left).type)
    return [quantities.comparable(left, right)]
