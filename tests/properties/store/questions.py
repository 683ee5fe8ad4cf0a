"""Searches as trees, drawn at random over the values of `population.py`: every kind of node."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from tests.kit.record import START
from tests.properties.store.population import (
    ADDRESSES,
    CODES,
    DATES,
    IDS,
    NUMBERS,
    POPULATION,
    SYSTEMS,
    UNITS,
    WORDS,
)
from xinglin.fhir.dates import range_ms
from xinglin.fhir.search import tree
from xinglin.fhir.search.parameters import Parameter, standard
from xinglin.fhir.search.values import number_bounds

REGISTRY: Final = standard()
TYPES: Final = tuple(POPULATION)
_PREFIXES: Final[tuple[tree.Prefix, ...]] = (
    *("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"),
)
_SPECIAL: Final = ("_id", "_lastUpdated")
_TARGETS: Final = ("Patient", "Group", "Observation", "List", "DocumentReference")
Nodes = st.SearchStrategy[tree.Node]
Leaves = st.SearchStrategy[tree.Leaf]


@cache
def parameters(type: str) -> tuple[Parameter, ...]:
    """Those that keep values of their own or narrow those of another; a union is asked for in
    its parts."""
    known = REGISTRY.by_type[type].values()
    return tuple(p for p in known if p.code not in _SPECIAL and not p.union)


@cache
def referring() -> tuple[Parameter, ...]:
    """The reference parameters that a population fills."""
    codes = {
        "subject",
        "patient",
        "item",
        "member",
        "has-member",
        "focus",
        "performer",
        "relatesto",
    }
    return tuple(
        p for type in TYPES for p in parameters(type) if p.kind == "reference" and p.code in codes
    )


@st.composite
def date_bounds(draw: st.DrawFn) -> tuple[tree.Prefix, int, int]:
    low, high = range_ms(draw(st.sampled_from(DATES)))
    prefix = draw(st.sampled_from(_PREFIXES))
    margin = draw(st.sampled_from((1, 3_600_000, 10**11))) if prefix == "ap" else 0
    return prefix, low - margin, high + margin


@st.composite
def numbers(draw: st.DrawFn) -> tuple[tree.Prefix, Decimal, Decimal, Decimal]:
    text = draw(st.sampled_from([*(str(n) for n in NUMBERS), "100", "5.40", "1e3"]))
    prefix = draw(st.sampled_from(_PREFIXES))
    found = number_bounds(prefix + text)
    return found.prefix, found.value, found.low, found.high


def token(parameter: Parameter, variant: str = "") -> Leaves:
    codes: list[str | None] = [None, *CODES, "final", "male", "true"]
    if variant == "of-type":
        codes = [f"{a}|{b}" for a in CODES for b in CODES]
    systems = st.sampled_from((None, "", *SYSTEMS))
    return st.builds(tree.Token, st.just(parameter), systems, st.sampled_from(codes))


def text(parameter: Parameter, *modes: str) -> Leaves:
    pieces = [word[:n] for word in WORDS for n in (1, 2, 9)]
    asked = st.sampled_from(pieces)
    return st.builds(tree.String, st.just(parameter), st.sampled_from(modes), asked)


def uri(parameter: Parameter, *modes: str) -> Leaves:
    return st.builds(
        tree.Uri, st.just(parameter), st.sampled_from(modes), st.sampled_from(ADDRESSES)
    )


def reference(parameter: Parameter) -> Leaves:
    found = (parameter.only,) if parameter.only else _TARGETS
    local = st.builds(
        tree.Reference, st.just(parameter), st.sampled_from(found), st.sampled_from(IDS)
    )
    # A narrowed parameter does not say which addresses elsewhere are of its type.
    return local if parameter.only else local | uri(parameter, "exact")


def leaf(parameter: Parameter) -> Leaves:
    """A value of the parameter or of one of its variants."""
    match parameter.kind:
        case "token":
            found = token(parameter)
            if parameter.text:
                found |= text(parameter.text, "starts")
            if parameter.of_type:
                found |= token(parameter.of_type, "of-type")
            return found
        case "string":
            return text(parameter, "starts", "contains", "exact")
        case "uri":
            return uri(parameter, "exact", "below", "above")
        case "reference":
            found = reference(parameter)
            return found | token(parameter.identifier) if parameter.identifier else found
        case "date":
            return date_bounds().map(lambda bounds: tree.Date(parameter, *bounds))
        case "number":
            return numbers().map(lambda bounds: tree.Number(parameter, *bounds))
        case "quantity":
            return quantity(parameter)
    raise TypeError(parameter)


@st.composite
def quantity(draw: st.DrawFn, parameter: Parameter) -> tree.Quantity:
    unit = draw(st.sampled_from(UNITS))
    asked = unit.get("code") or unit.get("unit")
    return tree.Quantity(parameter, *draw(numbers()), unit.get("system"), asked)


def composite(parameter: Parameter) -> st.SearchStrategy[tree.Composite]:
    parts = st.tuples(*(part(each) for each in parameter.components))
    return parts.map(lambda each: tree.Composite(parameter, each))


def part(component: Parameter) -> Leaves:
    if component.kind == "token":
        return token(component)
    return leaf(component)


def plain(type: str) -> Nodes:
    """About the resource itself."""
    own = st.sampled_from(parameters(type)).flatmap(
        lambda p: composite(p) if p.kind == "composite" else leaf(p)
    )
    # The parameters that a population seldom fills are asked for less often.
    filled = [p for p in parameters(type) if p.code in _OFTEN]
    often = st.sampled_from(filled).flatmap(
        lambda p: composite(p) if p.kind == "composite" else leaf(p)
    )
    return st.one_of(
        own,
        often,
        often,
        st.builds(tree.Missing, st.sampled_from(parameters(type)), st.booleans()),
        st.builds(tree.Ids, st.lists(st.sampled_from(IDS), max_size=2).map(tuple)),
        updated(),
        st.builds(
            tree.Compartment, st.sampled_from(("Patient", "Encounter")), st.sampled_from(IDS)
        ),
    )


_OFTEN: Final = frozenset(
    (
        *("code", "subject", "patient", "date", "birthdate", "name", "family", "item", "title"),
        *("value-quantity", "code-value-quantity", "code-value-concept", "component-code"),
        *("code-value-string", "code-value-date", "component-code-value-quantity", "member"),
        *("characteristic-value", "probability", "url", "context-type-value", "relationship"),
        *("context-type-quantity", "context-quantity", "period", "relatesto", "value-date"),
        *("identifier", "_tag", "_profile", "_security", "has-member", "death-date"),
    )
)


@st.composite
def updated(draw: st.DrawFn) -> tree.LastUpdated:
    low = START // 1000 + draw(st.integers(-1, 12))
    high = low + draw(st.sampled_from((0, 1, 999)))
    return tree.LastUpdated(draw(st.sampled_from(_PREFIXES)), low, high)


def hops(type: str, depth: int) -> Nodes:
    """About other resources."""
    found: list[Nodes] = [st.builds(tree.InList, st.sampled_from(IDS))]
    for p in parameters(type):
        if p in referring():
            targets = [each for each in ((p.only,) if p.only else _TARGETS) if each in TYPES]
            found += [chain(p, target, depth) for target in targets if target]
    found += [has(p, depth) for p in referring() if type in _TARGETS]
    return st.one_of(found)


def chain(parameter: Parameter, target: str, depth: int) -> Nodes:
    return st.builds(
        tree.Chain, st.just(parameter), st.just(target), st.deferred(lambda: nodes(target, depth))
    )


def has(parameter: Parameter, depth: int) -> Nodes:
    where = st.deferred(lambda: nodes(parameter.resource, depth))
    return st.builds(tree.Has, st.just(parameter), where)


@cache
def nodes(type: str, depth: int) -> Nodes:
    """Any tree about resources of a type, with hops at most `depth` deep."""
    if depth == 0:
        return plain(type) | st.just(tree.Everything())
    inner = st.one_of(plain(type), plain(type), hops(type, depth - 1), st.just(tree.Everything()))
    pairs = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        inner,
        pairs.map(tree.And),
        pairs.map(tree.Or),
        inner.map(tree.Not),
        pairs.map(lambda each: tree.And((each[0], tree.Not(tree.Or(each))))),
        st.just(tree.Nothing()),
    )


@cache
def sharp(type: str) -> Nodes:
    """About one value: a comparison of a parameter that a population often fills."""
    filled = [p for p in parameters(type) if p.code in _OFTEN]
    one = st.sampled_from(filled).flatmap(
        lambda p: composite(p) if p.kind == "composite" else leaf(p)
    )
    return st.one_of(one, one, one.map(tree.Not))


@cache
def across(type: str) -> Nodes:
    """About another resource, of which hardly anything is asked: who may see it decides."""
    found: list[Nodes] = [st.builds(tree.InList, st.sampled_from(IDS))]
    easy = st.one_of(st.just(tree.Everything()), st.builds(tree.Ids, st.just(IDS[:2])))
    for p in referring():
        if p.resource == type:
            targets = (p.only,) if p.only else ("Patient", "Group", "Observation", "List")
            found += [st.builds(tree.Chain, st.just(p), st.just(t), easy) for t in targets]
        elif type in ("Patient", "Group", "Observation", "List"):
            found.append(st.builds(tree.Has, st.just(p), easy))
    one = st.one_of(found)
    # Among others, a hop is a probe of each row; alone it is where the search begins.
    return st.one_of(one, one.map(tree.Not), st.lists(one, min_size=2, max_size=2).map(either))


def either(two: list[tree.Node]) -> tree.Node:
    return tree.Or(tuple(two))


rules: Final[st.SearchStrategy[Mapping[str, Any]]] = st.fixed_dictionaries(
    {
        type: st.one_of(
            st.just(tree.Everything()),
            plain(type),
            plain(type).map(tree.Not),
            st.builds(tree.Compartment, st.just("Patient"), st.sampled_from(IDS)),
        )
        for type in TYPES
    }
)
