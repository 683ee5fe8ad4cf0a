"""Which resources of a type an export is to hold: `_typeFilter`
(FHIR Bulk Data Access 2.0.0, "_typeFilter Query Parameter").

Several filters of one type are alternatives; a type without one comes whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.grammar import parse
from xinglin.fhir.search.tree import Node, Or
from xinglin.server.house import House
from xinglin.server.http import pairs
from xinglin.store.face import UNRESTRICTED, Version

Chosen = Callable[[Sequence[Version]], Awaitable[Sequence[Version]]]


def wanted(house: House, filter: str) -> tuple[str, Node]:
    """One filter, `Observation?status=final`. Raises Refused."""
    type, mark, query = filter.partition("?")
    if type not in RESOURCE_TYPES or not mark:
        given: dict[str, str | int] = {"text": filter[:100]}
        raise Refused(Issue("value", "server.bad-value", at="_typeFilter", given=given))
    search = parse(
        house.registry,
        (type,),
        pairs(query),
        strict=True,
        base=house.settings.base_url or "",
        now_ms=house.clock() // 1000,
    )
    return type, search.query.where


def chosen(house: House, filters: list[str]) -> Chosen:
    """Says which of some versions of one type are wanted."""
    alternatives: defaultdict[str, list[Node]] = defaultdict(list)
    for filter in filters:
        type, where = wanted(house, filter)
        alternatives[type].append(where)
    rules = {type: Or(tuple(nodes)) for type, nodes in alternatives.items()}

    async def of(versions: Sequence[Version]) -> Sequence[Version]:
        rule = rules.get(versions[0].type) if versions else None
        if rule is None:
            return versions
        return await house.store.which(UNRESTRICTED, rule, versions)

    return of
