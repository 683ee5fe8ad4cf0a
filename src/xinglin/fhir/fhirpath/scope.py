"""What an expression can see while it runs, and how much it may do (FHIRPath N1, sections
4.5, 5.1.1, 9 and "Environment variables").

Expressions may come from strangers: every step is paid from a budget, so that the answer to a
hostile one is a refusal within bounded work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from xinglin.fhir.fhirpath.items import (
    Atom,
    Collection,
    Item,
    Json,
    Thing,
    Value,
    exposed,
    refused,
    system,
    things,
)
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity

BUDGET: Final = 500_000  # steps, about a second; a search parameter takes some tens
_URLS: Final = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
_URL_FAMILIES: Final = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}

Variables = Mapping[str, Json]
Resolver = Callable[[str], Json]  # a reference as written → the resource, or None
Trace = Callable[[str, list[Value]], None]


@dataclass(slots=True)
class Work:
    """One evaluation."""

    context: Collection
    root: Collection  # %resource
    now: datetime | None = None
    variables: Variables = field(default_factory=dict)
    resolver: Resolver | None = None
    trace: Trace | None = None
    left: int = BUDGET

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise refused("too-costly", "too-costly", limit=BUDGET)

    def external(self, name: str) -> Collection:
        """`%name`, where the caller or FHIR defines it."""
        if name in self.variables:
            return things(self.variables[name])
        if name == "context":
            return self.context
        if name in ("resource", "rootResource"):
            return self.root if name == "resource" else self._around()
        if name in _URLS:
            return [_URLS[name]]
        for family, url in _URL_FAMILIES.items():
            if name.startswith(family):
                return [url + name.removeprefix(family)]
        raise refused("unknown-variable", "not-found", name=name)

    def _around(self) -> Collection:
        """The resource around a contained one."""
        return [
            Item(str(one.home.get("resourceType")), one.home, None, one.home)
            if isinstance(one, Item) and isinstance(one.home, dict)
            else one
            for one in self.root
        ]

    def clock(self) -> datetime:
        if self.now is None:
            raise refused("no-clock")
        return self.now


class Scope:
    """`$this`, `$index`, `$total` and the variables defined so far."""

    __slots__ = ("index", "this", "total", "variables", "work")

    def __init__(self, work: Work, this: Collection, variables: dict[str, Collection]) -> None:
        self.work = work
        self.this = this
        self.index = 0
        self.total: Collection = []
        self.variables = variables  # replaced, never changed: see `define`

    def inner(self, this: Collection) -> Scope:
        scope = Scope(self.work, this, self.variables)
        scope.index, scope.total = self.index, self.total
        return scope

    def define(self, name: str, value: Collection) -> None:
        if name in self.variables or name in ("context", "resource", "rootResource"):
            raise refused("variable-again", name=name)
        self.variables = {**self.variables, name: value}


Run = Callable[[Scope], Collection]


def only(collection: Collection) -> Thing | None:
    """The single item, as a System value where it has one; None of an empty collection."""
    if not collection:
        return None
    if len(collection) > 1:
        raise refused("not-single", count=len(collection))
    return system(collection[0])


def truth(collection: Collection) -> bool | None:
    """A single item that is no boolean counts as true (N1, 4.5)."""
    if len(collection) == 1 and isinstance(collection[0], bool):
        return collection[0]
    value = only(collection)
    return value if value is None or isinstance(value, bool) else True


def string(collection: Collection) -> str | None:
    value = only(collection)
    if value is None or isinstance(value, str):
        return value
    raise refused("wrong-type", expected="String", found=exposed(value).type)


def integer(collection: Collection) -> int | None:
    value = only(collection)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise refused("wrong-type", expected="Integer", found=exposed(value).type)


def number(collection: Collection) -> int | Decimal | Quantity | None:
    value = only(collection)
    if value is None or (
        isinstance(value, int | Decimal | Quantity) and not isinstance(value, bool)
    ):
        return value
    raise refused("wrong-type", expected="Decimal", found=exposed(value).type)


def maybe(value: Atom | None) -> Collection:
    return [] if value is None else [value]
