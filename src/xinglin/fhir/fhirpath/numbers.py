"""Mathematical functions (FHIRPath N1, section 5.7), in exact decimals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, DecimalException
from typing import Final

from xinglin.fhir.fhirpath.items import Collection, refused
from xinglin.fhir.fhirpath.operators import number_result, stepped
from xinglin.fhir.fhirpath.quantities import CONTEXT, rounded
from xinglin.fhir.fhirpath.scope import Work, integer, number
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity


def abs_(_: Work, source: Collection) -> Collection:
    value = number(source)
    if value is None:
        return []
    if isinstance(value, Quantity):
        return [Quantity(abs(value.value), value.unit, value.calendar)]
    return number_result(abs(value) if isinstance(value, int) else value.copy_abs())


def _decimal(source: Collection) -> Decimal | None:
    value = number(source)
    if isinstance(value, Quantity):
        raise refused("wrong-type", expected="Decimal", found="System.Quantity")
    return None if value is None else Decimal(value)


def _whole(rounding: str) -> Callable[[Work, Collection], Collection]:
    def run(_: Work, source: Collection) -> Collection:
        value = _decimal(source)
        return [] if value is None else number_result(int(value.to_integral_value(rounding)))

    return run


ceiling: Final = _whole(ROUND_CEILING)
floor: Final = _whole(ROUND_FLOOR)
truncate: Final = _whole(ROUND_DOWN)


def _real(run: Callable[..., Decimal]) -> Callable[..., Collection]:
    """A function whose result has no end: eight decimals; empty where it has no value."""

    def function(_: Work, source: Collection, *arguments: Collection) -> Collection:
        values = [_decimal(source), *map(_decimal, arguments)]
        if None in values:
            return []
        try:
            result = stepped(run(*values))
        except DecimalException:
            return []
        return number_result(result)

    return function


def _log(value: Decimal, base: Decimal) -> Decimal:
    return CONTEXT.divide(CONTEXT.ln(value), CONTEXT.ln(base))


exp: Final = _real(CONTEXT.exp)
ln: Final = _real(CONTEXT.ln)
log: Final = _real(_log)
sqrt: Final = _real(CONTEXT.sqrt)
_power: Final = _real(CONTEXT.power)


def power(work: Work, source: Collection, exponent: Collection) -> Collection:
    found = _power(work, source, exponent)
    whole = all(isinstance(number(one), int) for one in (source, exponent))
    # 2.power(-1) is no integer, and stays a decimal.
    if found and whole and isinstance(found[0], Decimal) and found[0] == int(found[0]):
        return number_result(int(found[0]))
    return found


def round_(_: Work, source: Collection, *precision: Collection) -> Collection:
    value = _decimal(source)
    places = (integer(precision[0]) or 0) if precision else 0
    if value is None:
        return []
    if places < 0:
        raise refused("negative", "value", number=places)
    return number_result(rounded(value, min(places, 28)))
