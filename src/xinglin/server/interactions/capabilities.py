"""capabilities: what this server can do (FHIR R4, RESTful API, "capabilities")."""

from __future__ import annotations

from functools import lru_cache

from xinglin.fhir.json import dump_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.parameters import Registry
from xinglin.server.capabilities import statement
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.routes import routes
from xinglin.server.settings import Settings
from xinglin.store.face import instant


async def capabilities(house: House, request: Request, at: Target) -> Response:
    mode = dict(request.query).get("mode", "full")
    if mode not in {"full", "normative"}:  # all that is here is in both
        issue = Issue("not-supported", "server.bad-value", at="mode", given={"text": mode})
        raise Refused(issue, status=400)
    text = _text(house.registry, house.settings, request.base, house.started)
    return Response(200, text, [FHIR_JSON])


@lru_cache(8)  # a few addresses of one server; it is large, and changes with the registry only
def _text(registry: Registry, settings: Settings, base: str, started: int) -> bytes:
    return dump_exact(statement(routes(), registry, settings, base, instant(started)))


INTERACTIONS = (Interaction(None, "GET", "metadata", capabilities),)
