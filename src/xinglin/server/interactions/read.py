"""read: the current version of a resource, or with `_at` the one of then
(FHIR R4, RESTful API, "read"; conditional read: "Conditional read").
"""

from __future__ import annotations

from xinglin.server.answers import found, version_headers
from xinglin.server.conditions import unchanged
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.moments import asked_range
from xinglin.server.preference import check_known
from xinglin.server.present import asked_part
from xinglin.store.face import Version

_KNOWN = frozenset({"_at", "_summary", "_elements"})


async def read(house: House, request: Request, at: Target) -> Response:
    if request.raw_query:
        return await _read_with_query(house, request, at.type, at.id)
    version, content = found(await house.store.read(request.reader, at.type, at.id), at.type, at.id)
    if b"if-none-match" in request.headers or b"if-modified-since" in request.headers:
        return conditional(request, version, content)
    headers = version_headers(version)
    headers.append(FHIR_JSON)
    return Response(200, content, headers, version)


def conditional(request: Request, version: Version, content: bytes) -> Response:
    """304 where the client has this version already."""
    headers = version_headers(version)
    if unchanged(request, version):
        return Response(304, b"", headers, version)
    headers.append(FHIR_JSON)
    return Response(200, content, headers, version)


async def _read_with_query(house: House, request: Request, type: str, id: str) -> Response:
    query = request.query
    check_known(house, request, query, _KNOWN)
    moment = next((value for name, value in query if name == "_at"), None)
    # Of a time known to the day the last moment counts: the state that day ended with.
    at = asked_range("_at", moment)[1] if moment is not None else None
    version, content = found(await house.store.read(request.reader, type, id, at=at), type, id)
    return conditional(request, version, asked_part(query).of(content))


INTERACTIONS = (Interaction("read", "GET", "{type}/{id}", read, past=True),)
