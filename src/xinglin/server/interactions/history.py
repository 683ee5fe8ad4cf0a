"""history of a resource, of a type, of everything (FHIR R4, RESTful API, "history")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.bundles import Link, bundle, history_entry
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.moments import asked_range
from xinglin.server.preference import check_known
from xinglin.server.present import Part, asked_part
from xinglin.store.face import HistoryPage

_KNOWN = frozenset({"_count", "_since", "_at", "_cursor", "_summary", "_elements"})


@dataclass(frozen=True, slots=True)
class _Asked:
    count: int
    since: int | None
    at: tuple[int, int] | None
    cursor: str | None
    part: Part


async def history(house: House, request: Request, at: Target) -> Response:
    pairs = request.query
    asked = _asked(house, request, pairs)
    if at.id and await house.store.read(request.reader, at.type, at.id) is None:
        given: dict[str, str | int] = {"type": at.type, "id": at.id}
        raise Refused(Issue("not-found", "server.not-found", at="url", given=given))
    page = await house.store.history(
        request.reader,
        at.type or None,
        at.id or None,
        count=asked.count,
        since=asked.since,
        at=asked.at,
        cursor=asked.cursor,
    )
    base = request.base.encode()
    entries = [
        history_entry(base, version, version.content and asked.part.of(version.content))
        for version in page.versions
    ]
    links = _links(request, pairs, page)
    return Response(200, bundle("history", entries, total=page.total, links=links), [FHIR_JSON])


def _asked(house: House, request: Request, pairs: Sequence[tuple[str, str]]) -> _Asked:
    given = dict(pairs)
    check_known(house, request, pairs, _KNOWN)
    moment, since = given.get("_at"), given.get("_since")
    return _Asked(
        count=_count(house, given.get("_count")),
        since=asked_range("_since", since)[0] if since is not None else None,
        at=asked_range("_at", moment) if moment is not None else None,
        cursor=given.get("_cursor"),
        part=asked_part(pairs),
    )


def _count(house: House, text: str | None) -> int:
    if text is None:
        return house.settings.default_page_size
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(Issue("value", "server.bad-value", at="_count", given={"text": text}))
    return min(int(text), house.settings.max_page_size)


def _links(request: Request, pairs: Sequence[tuple[str, str]], page: HistoryPage) -> list[Link]:
    address = "/".join((request.base, *request.segments))
    links = [("self", f"{address}?{urlencode(pairs)}" if pairs else address)]
    if page.next is not None:
        others = [pair for pair in pairs if pair[0] != "_cursor"]
        links.append(("next", f"{address}?{urlencode([*others, ('_cursor', page.next)])}"))
    return links


INTERACTIONS = (
    Interaction("history-instance", "GET", "{type}/{id}/_history", history, past=True),
    Interaction("history-type", "GET", "{type}/_history", history, past=True),
    Interaction("history-system", "GET", "_history", history, past=True),
)
