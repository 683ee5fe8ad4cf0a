"""From the parameters of a request to a Query (FHIR R4, Search, 3.1.1).

`parse` answers what was asked and says what it left out; anything wrong is refused with the
name of the parameter. It never reads a clock or the record: both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from xinglin.fhir.outcome import Issue
from xinglin.fhir.r4 import model
from xinglin.fhir.search.controls import SINGLE, Controls, Summary, include
from xinglin.fhir.search.criteria import criterion
from xinglin.fhir.search.parameters import Registry
from xinglin.fhir.search.refusals import Unknown, refusal, unknown
from xinglin.fhir.search.terms import Reading
from xinglin.fhir.search.tree import And, Everything, Node, Nothing, Query

_OF_THE_SERVER: Final = frozenset(("_format", "_pretty"))
_UNSUPPORTED: Final = frozenset(("_text", "_content", "_filter", "_query"))
# Contained resources are not searched; saying so is allowed.
_DEFAULTS: Final = {"_contained": "false", "_containedType": "container"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a search may be."""

    count: int = 1000  # resources on one page
    default_count: int = 20
    leaves: int = 2000  # values compared and links followed, for each type that is possible
    length: int = 100_000  # characters of all names and values


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was understood."""

    query: Query
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    ignored: tuple[Issue, ...] = ()  # warnings: what lenient handling left out
    used: tuple[tuple[str, str], ...] = ()  # for the self link


@dataclass(slots=True)
class _Draft:
    """The search while its parameters are read one by one."""

    types: tuple[str, ...]
    controls: Controls = field(default_factory=Controls)
    nodes: list[Node] = field(default_factory=list)
    once: set[str] = field(default_factory=set)


def parse(
    registry: Registry,
    types: tuple[str, ...],
    pairs: Sequence[tuple[str, str]],
    *,
    strict: bool,
    base: str,
    now_ms: int,
    limits: Limits = DEFAULT_LIMITS,
) -> Search:
    """Read a search.

    Args:
        types: the resource types of the request; none for all, which `_type` may narrow.
        pairs: names and values in their order, decoded.
        strict: refuse a parameter that is not known, instead of leaving it out.
        base: the address of this server, which references may begin with.
        now_ms: the moment that "ap" measures from.

    Raises:
        Refused: the search cannot be understood or is too large.
    """
    if sum(len(name) + len(value) for name, value in pairs) > limits.length:
        raise refusal("", "too-long", "too-long", limit=limits.length)
    reading = Reading(registry, base.rstrip("/"), now_ms, limits.leaves)
    draft = _Draft(types)
    ignored: list[Issue] = []
    used: list[tuple[str, str]] = []
    # `_type` first, because every other parameter is read for these types.
    for name, value in sorted(pairs, key=lambda pair: pair[0] != "_type"):
        if name in _OF_THE_SERVER:
            continue
        reading.at = name
        try:
            _read(reading, draft, name, value)
        except Unknown as missing:
            if strict:
                raise
            ignored += [replace(issue, severity="warning") for issue in missing.issues]
        else:
            used.append((name, value))
    query = _query(draft, limits)
    return Search(
        query, draft.controls.summary, draft.controls.elements, tuple(ignored), tuple(used)
    )


def _query(draft: _Draft, limits: Limits) -> Query:
    controls = draft.controls
    count = limits.default_count if controls.count is None else controls.count
    # Each means the other (3.1.1.6.1): a number, no matches, and so no page after them.
    if count == 0:
        controls.summary = "count"
    elif controls.summary == "count":
        count = 0
    total = controls.total
    if controls.summary == "count" and total == "none":
        total = "accurate"
    return Query(
        types=draft.types,
        where=all_of(draft.nodes),
        sort=controls.sort,
        count=min(count, limits.count),
        total=total,
        includes=tuple(dict.fromkeys(controls.includes)),
    )


def all_of(nodes: Sequence[Node]) -> Node:
    """All of the nodes, in the simplest form."""
    found: dict[Node, None] = {}
    for node in nodes:
        if isinstance(node, Nothing):
            return node
        found |= dict.fromkeys(node.nodes if isinstance(node, And) else (node,))
    found.pop(Everything(), None)
    kept = tuple(found)
    if len(kept) == 1:
        return kept[0]
    return And(kept) if kept else Everything()


def _read(reading: Reading, draft: _Draft, name: str, value: str) -> None:
    types = draft.types or model.RESOURCE_TYPES
    code, _, modifier = name.partition(":")
    if name in SINGLE or name == "_type":
        if name in draft.once:
            raise refusal(name, "invalid", "given-twice")
        draft.once.add(name)
    if name in SINGLE:
        SINGLE[name](reading, types, value, draft.controls)
    elif name == "_type":
        draft.types = _types(reading, draft.types, value)
    elif code in ("_include", "_revinclude"):
        reverse = code == "_revinclude"
        draft.controls.includes += include(reading, types, modifier, value, reverse=reverse)
    elif code in _UNSUPPORTED:
        raise unknown(name, "unsupported-parameter", code=code)
    elif name in _DEFAULTS:
        if value != _DEFAULTS[name]:
            raise refusal(name, "not-supported", "contained")
    else:
        draft.nodes.append(criterion(reading, types, name, value))


def _types(reading: Reading, types: tuple[str, ...], value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(value.split(",")))
    for name in names:
        if name not in model.RESOURCE_TYPES:
            raise refusal(reading.at, "value", "unknown-type", type=name)
        if types and name not in types:
            raise refusal(reading.at, "value", "type-not-searched", type=name)
    return names
