"""Patient/$everything and Encounter/$everything: the whole record of one person or one stay
(FHIR R4, Patient, operation everything; Encounter, operation everything).

What lies in the compartment comes type by type, the focus first, in pages. To each page is
added what its resources refer to outside the compartment (practitioners, places, medications),
so that a page can be read without asking again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES, compartments
from xinglin.fhir.search import tree
from xinglin.fhir.search.entries import MAX_MS, MIN_MS
from xinglin.server.answers import found
from xinglin.server.bundles import Link, bundle, search_entry
from xinglin.server.declare import Operation
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.moments import asked_range
from xinglin.server.operations.parameters import asked, listed
from xinglin.store.face import Version

_PATIENT: Final = ("_count", "_cursor", "_since", "_type", "start", "end", "_at")
_REFERENCE: Final = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})["/]')


@dataclass(frozen=True, slots=True)
class _Asked:
    count: int
    types: Sequence[str]  # empty: all
    since: int | None
    dates: tuple[int, int] | None
    at: int | None
    cursor: str
    pairs: Sequence[tuple[str, str]]


async def everything(house: House, request: Request, at: Target) -> Response:
    type, id = at.type, at.id
    wanted = _asked(house, request, type)
    found(await house.store.read(request.reader, type, id, at=wanted.at), type, id)
    hits, cursor = await _page(house, request, tree.Compartment(type, id), wanted)
    others = await _outside(house, request, hits, wanted, frozenset(compartments()[type]))
    base = request.base.encode()
    entries = [search_entry(base, v, v.content, b"match") for v in hits if v.content]
    entries += [search_entry(base, v, v.content, b"include") for v in others if v.content]
    links = _links(request, wanted, cursor)
    return Response(200, bundle("searchset", entries, links=links), [FHIR_JSON])


def _asked(house: House, request: Request, type: str) -> _Asked:
    pairs = asked(house, request, _PATIENT)
    given = dict(pairs)
    types = listed(pairs, "_type")
    for name in types:
        if name not in RESOURCE_TYPES:
            raise Refused(Issue("value", "server.unknown-type", at="_type", given={"type": name}))
    dates = None
    if "start" in given or "end" in given:
        low = asked_range("start", given["start"])[0] if "start" in given else MIN_MS
        high = asked_range("end", given["end"])[1] if "end" in given else MAX_MS
        dates = low, high
    since, moment = given.get("_since"), given.get("_at")
    if moment is not None and (type != "Patient" or dates is not None or since is not None):
        raise Refused(Issue("not-supported", "server.everything-at", at="_at"))
    return _Asked(
        count=_count(house, given.get("_count")),
        types=types,
        since=asked_range("_since", since)[0] if since is not None else None,
        dates=dates,
        at=asked_range("_at", moment)[1] if moment is not None else None,
        cursor=given.get("_cursor", ""),
        pairs=pairs,
    )


def _count(house: House, text: str | None) -> int:
    """Without `_count` as much as one page can hold: who asks for everything wants it."""
    most = house.settings.max_page_size
    if text is None:
        return most
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0):
        raise Refused(Issue("value", "server.bad-value", at="_count", given={"text": text}))
    return min(int(text), most)


async def _page(
    house: House, request: Request, compartment: tree.Compartment, wanted: _Asked
) -> tuple[list[Version], str | None]:
    """The next hits, and the cursor after them: the stretch they ended in, and where in it."""
    stretches = _stretches(compartment.type, wanted)
    hits: list[Version] = []
    first, inner = _place(wanted.cursor, len(stretches))
    for place in range(first, len(stretches)):
        types = stretches[place]
        query = tree.Query(
            types=types,
            where=_where(house, compartment, types, wanted),
            count=wanted.count - len(hits),
            at=wanted.at,
        )
        page = await house.store.search(request.reader, query, cursor=inner or None)
        inner = ""
        hits += page.hits
        if page.next is not None:
            return hits, f"{place}.{page.next}"
        if len(hits) >= wanted.count and place + 1 < len(stretches):
            return hits, f"{place + 1}."
    return hits, None


def _stretches(focus: str, wanted: _Asked) -> list[tuple[str, ...]]:
    """The focus first, then type by type. The record as it was is read in one stretch: it has
    no index by type."""
    members = sorted(compartments()[focus].keys() - {focus})
    types = [name for name in (focus, *members) if not wanted.types or name in wanted.types]
    return [(name,) for name in types] if wanted.at is None else [tuple(types)] * bool(types)


def _place(cursor: str, stretches: int) -> tuple[int, str]:
    place, _, inner = cursor.partition(".")
    if cursor == "":
        return 0, ""
    if place.isascii() and place.isdigit() and len(place) < 4 and int(place) < stretches:
        return int(place), inner
    raise Refused(Issue("value", "server.bad-value", at="_cursor", given={"text": cursor[:100]}))


def _where(
    house: House, compartment: tree.Compartment, types: tuple[str, ...], wanted: _Asked
) -> tree.Node:
    nodes: list[tree.Node] = [compartment]
    if wanted.since is not None:
        nodes.append(tree.LastUpdated("ge", wanted.since, wanted.since))
    if wanted.dates is not None:
        for parameter in house.registry.by_type[types[0]].values():
            if parameter.clinical:
                # Care dates say nothing of what has none, such as an allergy without onset.
                undated = tree.Missing(parameter, missing=True)
                nodes.append(tree.Or((undated, tree.Date(parameter, "ap", *wanted.dates))))
    return nodes[0] if len(nodes) == 1 else tree.And(tuple(nodes))


async def _outside(
    house: House,
    request: Request,
    hits: Iterable[Version],
    wanted: _Asked,
    members: frozenset[str],
) -> list[Version]:
    """What these refer to outside the types of the compartment, and what that refers to, each
    once, however far."""
    seen = {(version.type, version.id) for version in hits}
    waiting = list(hits)
    found_there: list[Version] = []
    while waiting:
        for name, id in _REFERENCE.findall(waiting.pop().content or b""):
            key = name.decode(), id.decode()
            if key in seen or key[0] in members or key[0] not in RESOURCE_TYPES:
                continue
            seen.add(key)
            if wanted.types and key[0] not in wanted.types:
                continue
            version = await house.store.read(request.reader, *key, at=wanted.at)
            if version is None or (wanted.since and version.t // 1000 < wanted.since):
                continue
            found_there.append(version)
            waiting.append(version)
    return found_there


def _links(request: Request, wanted: _Asked, cursor: str | None) -> list[Link]:
    address = "/".join((request.base, *request.segments))
    links = [("self", f"{address}?{urlencode(wanted.pairs)}" if wanted.pairs else address)]
    if cursor is not None:
        others = [pair for pair in wanted.pairs if pair[0] != "_cursor"]
        links.append(("next", f"{address}?{urlencode([*others, ('_cursor', cursor)])}"))
    return links


OPERATIONS = (
    Operation("everything", ("instance",), everything, types=("Patient", "Encounter"), past=True),
)
