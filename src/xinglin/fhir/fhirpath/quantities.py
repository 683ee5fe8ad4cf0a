"""Quantities with UCUM and calendar units (FHIRPath N1, sections 4.1.8, 6.1, 6.2 and 6.6)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Final

from xinglin.fhir import ucum
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity

CONTEXT: Final = Context(prec=40)
_WIDE: Final = Context(prec=300)
# A calendar week or less is as long as its UCUM namesake; months and years are not.
_DEFINITE: Final = {
    "week": "wk",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
}
_CALENDAR: Final = {"year": 12, "month": 1}
_LOOSE: Final = {"year": "a", "month": "mo"}


def canonical(quantity: Quantity, loose: bool = False) -> tuple[Decimal, str]:
    """Value and base unit; with `loose`, a calendar year counts as 'a' (equivalence only)."""
    unit = quantity.unit
    if quantity.calendar:
        if unit in _CALENDAR and not loose:
            return quantity.value * _CALENDAR[unit], "calendar month"
        unit = _LOOSE.get(unit) or _DEFINITE[unit]
    return ucum.canonical(quantity.value, unit) or (quantity.value, f"unknown {unit}")


def comparable(left: Quantity, right: Quantity) -> bool:
    return canonical(left)[1] == canonical(right)[1]


def compare(left: Quantity, right: Quantity) -> int | None:
    """-1, 0, 1; None for different dimensions."""
    (one, unit), (other, other_unit) = canonical(left), canonical(right)
    return int(CONTEXT.compare(one, other)) if unit == other_unit else None


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Equal when rounded to the less precise of both: 4 'g' ~ 4040 'mg'."""
    (one, unit), (other, other_unit) = canonical(left, loose=True), canonical(right, loose=True)
    if unit != other_unit:
        return False
    # Rounded in the coarser unit, because the digits given are the digits known.
    one_factor = canonical(Quantity(Decimal(1), left.unit, left.calendar), loose=True)[0]
    other_factor = canonical(Quantity(Decimal(1), right.unit, right.calendar), loose=True)[0]
    factor = max(one_factor, other_factor)
    if factor <= 0 or one_factor <= 0:
        return one == other
    return equivalent_numbers(
        _kept(left.value, one_factor, factor), _kept(right.value, other_factor, factor)
    )


def _kept(value: Decimal, factor: Decimal, into: Decimal) -> Decimal:
    """Converted without losing or inventing decimals that matter."""
    return value if factor == into else CONTEXT.divide(CONTEXT.multiply(value, factor), into)


def equivalent_numbers(left: Decimal, right: Decimal) -> bool:
    """Equal when rounded to the decimals of the less precise (N1, 6.1.3)."""
    places = min(_places(left), _places(right))
    return rounded(left, places) == rounded(right, places)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: Decimal, places: int) -> Decimal:
    """Half away from zero, as on paper; a number too wide for that as it is."""
    try:
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE)
    except DecimalException:
        return value


def add(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Sum in the left one's unit; None for different dimensions."""
    if left.unit == right.unit and left.calendar == right.calendar:
        return Quantity(left.value + sign * right.value, left.unit, left.calendar)
    (_, unit), (other, other_unit) = canonical(left), canonical(right)
    factor = canonical(Quantity(Decimal(1), left.unit, left.calendar))[0]
    if unit != other_unit or factor == 0:
        return None
    converted = CONTEXT.divide(other, factor)
    return Quantity(CONTEXT.add(left.value, sign * converted), left.unit, left.calendar)


def multiply(left: Quantity, right: Quantity) -> Quantity:
    value = CONTEXT.multiply(left.value, right.value)
    if "1" in (left.unit, right.unit):
        return Quantity(value, right.unit if left.unit == "1" else left.unit, calendar=False)
    return Quantity(value, f"{_part(left)}.{_part(right)}", calendar=False)


def divide(left: Quantity, right: Quantity) -> Quantity | None:
    if right.value == 0:
        return None
    value = CONTEXT.divide(left.value, right.value)
    if left.unit == right.unit:
        return Quantity(value, "1", calendar=False)
    if right.unit == "1":
        return Quantity(value, left.unit, calendar=False)
    return Quantity(value, f"{_part(left)}/{_part(right)}", calendar=False)


def _part(quantity: Quantity) -> str:
    unit = quantity.unit
    if quantity.calendar:
        unit = _LOOSE.get(unit) or _DEFINITE[unit]
    return f"({unit})" if "/" in unit or "." in unit else unit


def plain(value: Decimal) -> Decimal:
    """1000, not 1E+3."""
    exponent = value.as_tuple().exponent
    return rounded(value, 0) if isinstance(exponent, int) and exponent > 0 else value


def written(quantity: Quantity) -> str:
    """As a literal: `1 week`, `2 weeks`, `5.5 'mg'`."""
    if not quantity.calendar:
        return f"{quantity.value:f} '{quantity.unit}'"
    plural = "" if quantity.value == 1 else "s"
    return f"{quantity.value:f} {quantity.unit}{plural}"
