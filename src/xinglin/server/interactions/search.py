"""search, by GET or by POST of a form: of a type, of everything, of a compartment
(FHIR R4, RESTful API, "search"; Search, 3.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import compartments
from xinglin.fhir.search.grammar import Limits, Search, parse
from xinglin.fhir.search.tree import And, Compartment
from xinglin.server.bundles import Link, bundle, outcome_entry, search_entry
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.http import pairs as decoded_pairs
from xinglin.server.moments import only_the_present
from xinglin.server.preference import strict
from xinglin.server.present import Part
from xinglin.server.refusal import outcome_text
from xinglin.store.face import Page

_CURSOR = "_cursor"


async def search(house: House, request: Request, at: Target) -> Response:
    asked = request.query
    if request.method == "POST":
        asked += (form := _form(request))
        only_the_present(form)
    cursors = [value for name, value in asked if name == _CURSOR]
    pairs = [pair for pair in asked if pair[0] != _CURSOR]
    found = parse(
        house.registry,
        _types(at),
        pairs,
        strict=strict(house, request),
        base=request.base,
        now_ms=house.clock() // 1000,
        limits=_limits(house),
    )
    query = found.query
    if at.id:
        compartment = Compartment(at.type, at.id)
        query = replace(query, where=And((compartment, query.where)))
    cursor = cursors[-1] if cursors else None
    page = await house.store.search(request.reader, query, cursor=cursor)
    text = _searchset(request, found, page, _links(request, found, page, cursor), cursor)
    return Response(200, text, [FHIR_JSON])


def _form(request: Request) -> list[tuple[str, str]]:
    try:
        return decoded_pairs(request.body.decode("ascii"))
    except UnicodeDecodeError:  # whatever is not ASCII is escaped in a form
        issue = Issue("invalid", "server.bad-percent-encoding", at="body")
        raise Refused(issue) from None


def _types(at: Target) -> tuple[str, ...]:
    """The types searched; none for all."""
    if not at.member:
        return (at.type,) if at.type else ()
    members = compartments().get(at.type)
    if members is None:
        given: dict[str, str | int] = {"type": at.type}
        raise Refused(Issue("not-found", "server.no-compartment", at="url", given=given))
    return () if at.member == "*" else (at.member,)


def _limits(house: House) -> Limits:
    settings = house.settings
    return Limits(
        count=settings.max_page_size,
        default_count=min(settings.default_page_size, settings.max_page_size),
    )


def _searchset(
    request: Request, found: Search, page: Page, links: Sequence[Link], cursor: str | None
) -> bytes:
    base = request.base.encode()
    part = Part(found.summary or "false", found.elements)
    entries: list[bytes] = []
    total = page.total
    if found.summary != "count":
        for versions, mode in ((page.hits, b"match"), (page.included, b"include")):
            for version in versions:
                content = part.of(version.content or b"")
                entries.append(search_entry(base, version, content, mode))
        if total is None and page.next is None and cursor is None:
            total = len(page.hits)  # all are here, so the number costs nothing
    if found.ignored:
        entries.append(outcome_entry(outcome_text(found.ignored, request.language)))
    return bundle("searchset", entries, total=total, links=links)


def _links(request: Request, found: Search, page: Page, cursor: str | None) -> list[Link]:
    """What was understood, and where it goes on; both by GET, even after a POST."""
    segments = request.segments[:-1] if request.method == "POST" else request.segments
    address = "/".join((request.base, *segments))
    here = [*found.used, *([(_CURSOR, cursor)] if cursor is not None else ())]
    links = [("self", f"{address}?{urlencode(here)}" if here else address)]
    if page.next is not None:
        links.append(("next", f"{address}?{urlencode([*found.used, (_CURSOR, page.next)])}"))
    return links


INTERACTIONS = (
    Interaction("search-type", "GET", "{type}", search),
    Interaction("search-type", "POST", "{type}/_search", search),
    Interaction("search-type", "GET", "{type}/{id}/{member}", search),
    Interaction("search-type", "POST", "{type}/{id}/{member}/_search", search),
    Interaction("search-system", "GET", "", search),
    Interaction("search-system", "POST", "_search", search),
)
