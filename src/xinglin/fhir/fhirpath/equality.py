"""Equal, equivalent, before and after (FHIRPath N1, sections 6.1 and 6.2)."""

from __future__ import annotations

from decimal import Decimal

from xinglin.fhir import dates
from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath import quantities
from xinglin.fhir.fhirpath.items import (
    Atom,
    Collection,
    Item,
    Json,
    Thing,
    TypeInfo,
    refused,
    system,
    type_name,
)
from xinglin.fhir.fhirpath.scope import Work
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity


def _is_number(thing: Thing) -> bool:
    return isinstance(thing, int | Decimal) and not isinstance(thing, bool)


def _as_quantity(thing: Thing) -> Quantity | None:
    if isinstance(thing, Quantity):
        return thing
    if isinstance(thing, int | Decimal) and not isinstance(thing, bool):
        return Quantity(Decimal(thing), "1", calendar=False)
    return None


def equal(left: Thing, right: Thing) -> bool | None:
    """`=` of two items; None where precision or dimension leaves it open."""
    left, right = system(left), system(right)
    if isinstance(left, str) or isinstance(right, str):
        return type(left) is type(right) and left == right
    if isinstance(left, Item | TypeInfo) or isinstance(right, Item | TypeInfo):
        return same_content(left, right)
    if isinstance(left, Date | DateTime | Time) and isinstance(right, Date | DateTime | Time):
        if isinstance(left, Time) != isinstance(right, Time):
            return False
        order = dates.compare(left, right)
        return None if order is None else order == 0
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        one, other = _as_quantity(left), _as_quantity(right)
        if one is None or other is None:
            return False
        order = quantities.compare(one, other)
        return None if order is None else order == 0
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def same_content(left: Thing, right: Thing) -> bool:
    """Two elements with children: the same in all of them."""
    if isinstance(left, Item) and isinstance(right, Item):
        return same_json(left.json, right.json) and same_json(left.extra, right.extra)
    return isinstance(left, TypeInfo) and left == right


def same_json(left: Json, right: Json) -> bool:
    """Python calls True and 1 equal; JSON does not."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(same_json(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return (
            isinstance(right, list) and len(left) == len(right) and all(map(same_json, left, right))
        )
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def equal_collections(left: Collection, right: Collection) -> bool | None:
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answers = [equal(one, other) for one, other in zip(left, right, strict=True)]
    if False in answers:
        return False
    return None if None in answers else True


def equivalent(left: Thing, right: Thing) -> bool:
    """`~` of two items."""
    left, right = system(left), system(right)
    if isinstance(left, str) and isinstance(right, str):
        return _plain(left) == _plain(right)
    if isinstance(left, Date | DateTime | Time) and isinstance(right, Date | DateTime | Time):
        same_kind = isinstance(left, Time) == isinstance(right, Time)
        return same_kind and dates.compare(left, right) == 0
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        one, other = _as_quantity(left), _as_quantity(right)
        return one is not None and other is not None and quantities.equivalent(one, other)
    if _is_number(left) and _is_number(right):
        return quantities.equivalent_numbers(Decimal(left), Decimal(right))  # type: ignore[arg-type]
    if isinstance(left, Item) and isinstance(right, Item):
        return equivalent_json(left.json, right.json)
    return type(left) is type(right) and left == right


def equivalent_json(left: Json, right: Json) -> bool:
    """Elements with children: order and case make no difference."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            equivalent_json(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and _paired_off(left, right, equivalent_json)
    if isinstance(left, str) and isinstance(right, str):
        return _plain(left) == _plain(right)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def equivalent_collections(work: Work, left: Collection, right: Collection) -> bool:
    if len(left) != len(right):
        return False
    work.spend(len(left) * len(right))
    return _paired_off(left, right, equivalent)


def _paired_off(left: list[Json], right: list[Json], test: Json) -> bool:
    """Every one on the left has its own partner on the right."""
    rest = list(right)
    for one in left:
        at = next((at for at, other in enumerate(rest) if test(one, other)), None)
        if at is None:
            return False
        del rest[at]
    return True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def ordered(left: Thing, right: Thing) -> int | None:
    """-1, 0 or 1; None where precision or dimension leaves it open; refused where the types
    have no order."""
    left, right = system(left), system(right)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, Date | DateTime) and isinstance(right, Date | DateTime):
        return dates.compare(left, right)
    if isinstance(left, Time) and isinstance(right, Time):
        return dates.compare(left, right)
    if _is_number(left) and _is_number(right):
        return (left > right) - (left < right)  # type: ignore[operator]
    one, other = _as_quantity(left), _as_quantity(right)
    if one is not None and other is not None:
        return quantities.compare(one, other)
    raise refused("no-order", left=type_name(left), right=type_name(right))


class Distinct:
    """A growing set of unequal items. Only items of like kind are compared with one another."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.items: Collection = []
        self._alike: dict[object, Collection] = {}

    def add(self, thing: Thing) -> bool:
        """False if an equal one is there already."""
        alike = self._alike.setdefault(_likeness(thing), [])
        self.work.spend(1 + len(alike))
        if any(equal(thing, other) for other in alike):
            return False
        alike.append(thing)
        self.items.append(thing)
        return True

    def has(self, thing: Thing) -> bool:
        alike = self._alike.get(_likeness(thing), [])
        self.work.spend(1 + len(alike))
        return any(equal(thing, other) for other in alike)


def distinct(work: Work, things: Collection) -> Distinct:
    found = Distinct(work)
    for thing in things:
        found.add(thing)
    return found


def _likeness(thing: Thing) -> object:
    """Equal things are alike; unlike ones are never equal."""
    value: Atom | Item | TypeInfo = system(thing)
    match value:
        case str():
            return value
        case bool():
            return ("boolean", value)
        case int() | Decimal():
            return ("number", value)
        case Quantity(unit="1"):
            return ("number", value.value)
        case Item(json=dict()):
            return tuple(sorted(value.json))
    return type(value).__name__ if isinstance(value, Time) else "other"
