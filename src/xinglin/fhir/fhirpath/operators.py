"""The operators on whole collections (FHIRPath N1, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final, TypeGuard

from xinglin.fhir import dates
from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath import quantities
from xinglin.fhir.fhirpath.equality import (
    distinct,
    equal_collections,
    equivalent_collections,
    ordered,
)
from xinglin.fhir.fhirpath.items import (
    Atom,
    Collection,
    Thing,
    decimal,
    refused,
    type_name,
)
from xinglin.fhir.fhirpath.parser import CALENDAR
from xinglin.fhir.fhirpath.quantities import CONTEXT
from xinglin.fhir.fhirpath.scope import Work, maybe, only, string
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity

Operator = Callable[[Work, Collection, Collection], Collection]
LARGEST: Final = 2**31 - 1
_ROUND: Final = Decimal("0.00000001")  # the smallest step of a FHIRPath decimal


def _equality(wanted: bool) -> Operator:
    def run(_: Work, left: Collection, right: Collection) -> Collection:
        answer = equal_collections(left, right)
        return [] if answer is None else [answer is wanted]

    return run


def _equivalence(wanted: bool) -> Operator:
    def run(work: Work, left: Collection, right: Collection) -> Collection:
        return [equivalent_collections(work, left, right) is wanted]

    return run


def _order(accepted: tuple[int, ...]) -> Operator:
    def run(_: Work, left: Collection, right: Collection) -> Collection:
        one, other = only(left), only(right)
        if one is None or other is None:
            return []
        answer = ordered(one, other)
        return [] if answer is None else [answer in accepted]

    return run


def _union(work: Work, left: Collection, right: Collection) -> Collection:
    return distinct(work, left + right).items


def _in(work: Work, left: Collection, right: Collection) -> Collection:
    one = only(left)
    return [] if one is None else [distinct(work, right).has(one)]


def _contains(work: Work, left: Collection, right: Collection) -> Collection:
    return _in(work, right, left)


def _join(work: Work, left: Collection, right: Collection) -> Collection:
    """`&`: an empty collection counts as the empty string."""
    text = (string(left) or "") + (string(right) or "")
    work.spend(len(text) // 16)
    return [text]


def number_result(value: Decimal | int | None) -> Collection:
    """A result, or empty where FHIRPath cannot represent it."""
    if isinstance(value, int):
        return [value] if -LARGEST - 1 <= value <= LARGEST else []
    if value is None or not value.is_finite() or value.adjusted() >= 28:
        return []
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -28:
        value = value.quantize(_ROUND, context=CONTEXT)
    return [value]


Numbers = Callable[[Decimal, Decimal], Decimal | None]
Others = Callable[[Work, Thing, Thing], Collection | None]


def _arithmetic(sign: str, numbers: Numbers, others: Others) -> Operator:
    """One operator: on two numbers, or on what else it knows."""

    def run(work: Work, left: Collection, right: Collection) -> Collection:
        one, other = only(left), only(right)
        if one is None or other is None:
            return []
        try:
            if _is_number(one) and _is_number(other):
                result = numbers(Decimal(one), Decimal(other))
                whole = sign != "/" and isinstance(one, int) and isinstance(other, int)
                if result is not None and (whole or sign == "div"):
                    return number_result(int(result))
                return number_result(result)
            answer = others(work, one, other)
        except DecimalException:
            return []
        if answer is None:
            raise refused("no-operator", sign=sign, left=type_name(one), right=type_name(other))
        return answer

    return run


def _is_number(thing: Thing) -> TypeGuard[int | Decimal]:
    return isinstance(thing, int | Decimal) and not isinstance(thing, bool)


def _divided(left: Decimal, right: Decimal) -> Decimal | None:
    if right == 0:
        return None
    return stepped(CONTEXT.divide(left, right))


def stepped(value: Decimal) -> Decimal:
    """Rounded to FHIRPath's step, if it has more digits: 1/3, not 1/8."""
    exponent = value.as_tuple().exponent
    more = isinstance(exponent, int) and exponent < -8
    return value.quantize(_ROUND, context=CONTEXT) if more else value


def _whole(left: Decimal, right: Decimal) -> Decimal | None:
    return CONTEXT.divide_int(left, right) if right else None


def _rest(left: Decimal, right: Decimal) -> Decimal | None:
    return CONTEXT.remainder(left, right) if right else None


def _nothing(_: Work, __: Thing, ___: Thing) -> Collection | None:
    return None


def _quantities(left: Thing, right: Thing) -> tuple[Quantity, Quantity] | None:
    """Both as quantities; a number has the unit '1'."""
    pair = tuple(
        one if isinstance(one, Quantity) else Quantity(decimal(one), "1", calendar=False)
        for one in (left, right)
        if isinstance(one, Quantity | int | Decimal) and not isinstance(one, bool)
    )
    return (pair[0], pair[1]) if len(pair) == 2 else None


def _plus(work: Work, left: Thing, right: Thing) -> Collection | None:
    if isinstance(left, str) and isinstance(right, str):
        return _join(work, [left], [right])
    return _moved(left, right, 1)


def _minus(_: Work, left: Thing, right: Thing) -> Collection | None:
    return _moved(left, right, -1)


def _moved(left: Thing, right: Thing, sign: int) -> Collection | None:
    if isinstance(left, Date | DateTime | Time) and isinstance(right, Quantity):
        return maybe(_later(left, right, sign))
    if pair := _quantities(left, right):
        return maybe(quantities.add(*pair, sign))
    return None


# 'mo' and 'a' are a mean month and year in UCUM, not calendar ones: refused.
_UCUM_TIMES: Final = {
    "wk": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "ms": "millisecond",
}


def _later(value: Date | DateTime | Time, by: Quantity, sign: int) -> Atom | None:
    unit = CALENDAR.get(by.unit) or _UCUM_TIMES.get(by.unit)
    if unit is None:
        raise refused("no-duration", "value", unit=by.unit)
    try:
        return dates.add(value, sign * by.value, unit)
    except ValueError:
        raise refused("no-duration", "value", unit=by.unit) from None


def _times(_: Work, left: Thing, right: Thing) -> Collection | None:
    pair = _quantities(left, right)
    return pair and [quantities.multiply(*pair)]


def _over(_: Work, left: Thing, right: Thing) -> Collection | None:
    pair = _quantities(left, right)
    return pair and maybe(quantities.divide(*pair))


OPERATORS: Final[dict[str, Operator]] = {
    "=": _equality(wanted=True),
    "!=": _equality(wanted=False),
    "~": _equivalence(wanted=True),
    "!~": _equivalence(wanted=False),
    "<": _order((-1,)),
    "<=": _order((-1, 0)),
    ">": _order((1,)),
    ">=": _order((0, 1)),
    "|": _union,
    "in": _in,
    "contains": _contains,
    "&": _join,
    "+": _arithmetic("+", CONTEXT.add, _plus),
    "-": _arithmetic("-", CONTEXT.subtract, _minus),
    "*": _arithmetic("*", CONTEXT.multiply, _times),
    "/": _arithmetic("/", _divided, _over),
    "div": _arithmetic("div", _whole, _nothing),
    "mod": _arithmetic("mod", _rest, _nothing),
}

# Three-valued logic (N1, 6.5): None is unknown.
Logic = Callable[[bool | None, Callable[[], bool | None]], bool | None]


def _and(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    if left is False:
        return False
    other = right()
    return left if other else (None if other is None else False)


def _or(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    if left:
        return True
    other = right()
    return True if other else (None if other is None else left)


def _xor(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    other = right()
    return None if left is None or other is None else left != other


def _implies(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    if left is False:
        return True
    other = right()
    return True if other else (other if left else None)


LOGIC: Final[dict[str, Logic]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}


def negated(value: Thing) -> Collection:
    """Unary minus."""
    if isinstance(value, Quantity):
        return [Quantity(-value.value, value.unit, value.calendar)]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return [-value]
    raise refused("wrong-type", expected="Decimal", found=type_name(value))
