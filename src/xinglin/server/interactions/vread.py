"""vread: one version of a resource (FHIR R4, RESTful API, "vread")."""

from __future__ import annotations

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.answers import found
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.interactions.read import conditional
from xinglin.server.preference import check_known
from xinglin.server.present import asked_part
from xinglin.store.face import Version

_KNOWN = frozenset({"_summary", "_elements"})


async def vread(house: House, request: Request, at: Target) -> Response:
    query = request.query
    check_known(house, request, query, _KNOWN)
    version, content = found(await _version(house, request, at), at.type, at.id)
    return conditional(request, version, asked_part(query).of(content))


async def _version(house: House, request: Request, at: Target) -> Version:
    if at.version.isascii() and at.version.isdigit() and len(at.version) <= 18:
        version = await house.store.read(request.reader, at.type, at.id, version=int(at.version))
        if version is not None:
            return version
    given: dict[str, str | int] = {"type": at.type, "id": at.id, "version": at.version}
    raise Refused(Issue("not-found", "server.version-not-found", at="url", given=given))


INTERACTIONS = (Interaction("vread", "GET", "{type}/{id}/_history/{version}", vread),)
