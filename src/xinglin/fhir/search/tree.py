"""What a search asks for, as a tree (FHIR R4, Search; https://hl7.org/fhir/R4/search.html).

`grammar.py` parses a query string into it, access control adds to it, the store compiles it
to its own plan, and `evaluate.py` applies the same tree to one resource. A node means the same
to all four; a node that an engine cannot compile does not exist.

A leaf holds when *any* value that the parameter extracts from the resource satisfies it.
Where a search spans several types, a parameter stands for the one of its code that the
resource's own type has (`Registry.of`); a type without it extracts nothing.
Dates are inclusive ranges in milliseconds since 1970-01-01T00:00Z, numbers exact decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from xinglin.fhir.search.parameters import Parameter

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


class Everything(Struct, frozen=True):
    """True of every resource."""


class Nothing(Struct, frozen=True):
    """True of none."""


class And(Struct, frozen=True):
    nodes: tuple[Node, ...]


class Or(Struct, frozen=True):
    nodes: tuple[Node, ...]


class Not(Struct, frozen=True):
    node: Node


class Ids(Struct, frozen=True):
    """`_id`: the resource's own id is one of these."""

    ids: tuple[str, ...]


class LastUpdated(Struct, frozen=True):
    """`_lastUpdated`, whose target is a point (the millisecond of the commit)."""

    prefix: Prefix
    low: int
    high: int


class Token(Struct, frozen=True):
    """`system` None: any system; "": no system. `code` None: any code of that system.
    Codes and systems compare exactly."""

    parameter: Parameter
    system: str | None
    code: str | None


class String(Struct, frozen=True):
    """Compared after `normalise()`, except "exact". Also `:text` of a token (`parameter` is
    then its `text` variant, and `mode` "starts")."""

    parameter: Parameter
    mode: Literal["starts", "contains", "exact"]
    text: str


class Uri(Struct, frozen=True):
    """Mode "below": the value is `uri` or starts with `uri` and "/"; "above":
    the reverse.
    Also canonical and absolute references of a reference parameter."""

    parameter: Parameter
    mode: Literal["exact", "below", "above"]
    uri: str


class Reference(Struct, frozen=True):
    """Refers to the resource `type`/`id` of this server (of any version)."""

    parameter: Parameter
    type: str
    id: str


class Date(Struct, frozen=True):
    """How the target's range lies to [low, high]; "ap" is any overlap (already widened).

    eq: within it; ne: not within it; gt: target's end is after high; lt: target's start is
    before low; ge: gt or eq; le: lt or eq; sa: starts after high; eb: ends before low.
    """

    parameter: Parameter
    prefix: Prefix
    low: int
    high: int


class Number(Struct, frozen=True):
    """The target is a point. eq: low <= target < high; ne: not that; ap: low <= target <= high
    (already widened); the others compare with `value`; sa is gt, eb is lt."""

    parameter: Parameter
    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal


class Quantity(Struct, frozen=True):
    """As Number, of the quantities in one unit.

    `system` None and `code` None: any unit. `system` None with `code`: the target's code or
    unit text is `code`. Otherwise both agree exactly, or, for UCUM, after conversion of both
    sides to canonical units; value, low and high are in `code`.
    """

    parameter: Parameter
    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal
    system: str | None
    code: str | None


class Composite(Struct, frozen=True):
    """All parts hold of the same element; each part is a leaf on a component parameter."""

    parameter: Parameter
    parts: tuple[Leaf, ...]


class Missing(Struct, frozen=True):
    """`:missing=true` (neither the parameter nor a variant of it extracts anything) or `false`."""

    parameter: Parameter
    missing: bool


class Chain(Struct, frozen=True):
    """`parameter` refers to a resource of `type` of which `where` holds."""

    parameter: Parameter
    type: str
    where: Node


class Has(Struct, frozen=True):
    """Some resource of `parameter.resource` refers to this one by `parameter`, and `where`
    holds of it."""

    parameter: Parameter
    where: Node


class Compartment(Struct, frozen=True):
    """The resource lies in the compartment of `type`/`id` (or is that resource itself)."""

    type: str
    id: str


class InList(Struct, frozen=True):
    """`_list`: the resource is an item of List/`id`."""

    id: str


Leaf = Token | String | Uri | Reference | Date | Number | Quantity
Node = (
    Everything
    | Nothing
    | And
    | Or
    | Not
    | Ids
    | LastUpdated
    | Leaf
    | Composite
    | Missing
    | Chain
    | Has
    | Compartment
    | InList
)


class Sort(Struct, frozen=True):
    """One key of `_sort`. A resource without a value comes last, in either direction. Of
    several values the least counts when ascending, the greatest when descending; of a range
    its start. Strings sort by normalised text, tokens by code, references by "Type/id"."""

    parameter: Parameter  # also `_id` and `_lastUpdated`, see `parameters.py`
    descending: bool


class Include(Struct, frozen=True):
    """`_include` (reverse False: add what a `source` refers to by `parameter`) or `_revinclude`
    (add each `source` that refers to a hit by it). `parameter` None: every reference
    parameter; `target` None: any type. `iterate`: also from what was itself included."""

    source: str
    parameter: Parameter | None
    target: str | None
    iterate: bool
    reverse: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One search. Without `sort` the newest clinical date comes first (`Parameter.clinical`),
    then the newest resource; resources without such a date come last. Several `types`, or
    none (all types), are sorted by last update, newest first, unless `sort` says otherwise."""

    types: tuple[str, ...]
    where: Node
    sort: tuple[Sort, ...] = ()
    count: int = 20
    total: Literal["none", "estimate", "accurate"] = "none"
    includes: tuple[Include, ...] = ()
    at: int | None = None  # ms; only where `where` is one Compartment: the record as of then
