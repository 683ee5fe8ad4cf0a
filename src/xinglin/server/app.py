"""The door itself: an ASGI application (ASGI 3.0, HTTP) around the interactions.

One coroutine per request: parse, route, carry out, answer. This is the edge where exceptions
become answers, and the only one. There is no framework in between: a read is so short that
each layer of a framework would be felt (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, Final

import structlog

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server import binary, media, memory
from xinglin.server.body import Disconnected, Receive, body
from xinglin.server.cors import cross_origin, preflight
from xinglin.server.delivery import deliver
from xinglin.server.house import House
from xinglin.server.http import FHIR_JSON, Request, Response, decoded
from xinglin.server.metrics import Metrics
from xinglin.server.pages import PAGES
from xinglin.server.refusal import response as refusal
from xinglin.server.routes import routes
from xinglin.server.workers import Workers

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

log = structlog.get_logger()


class App:
    """Answers for one house, and keeps its workers going from start to stop."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.metrics = Metrics()
        self._talkative = house.settings.log_level == "debug"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        started = perf_counter()
        request = Request(
            scope["method"],
            (),
            raw_query=scope["query_string"].decode("latin-1"),
            headers=_headers(scope["headers"]),
            base=self.house.settings.base_url,
        )
        try:
            response = await self._answer(request, scope["raw_path"].decode("latin-1"), receive)
        except Disconnected:
            return
        await deliver(request, response, receive, send, self.house.settings.gzip_min_bytes)
        if len(request.body) >= memory.LARGE:
            memory.give_back_soon()
        seconds = perf_counter() - started
        self.metrics.count(request.what, response.status, seconds)
        if self._talkative:
            log.debug(
                "answered",
                method=request.method,
                # An id says nothing of a patient; the query and a wrong path might.
                path="/".join(request.segments) if request.what else None,
                interaction=request.what,
                status=response.status,
                milliseconds=round(seconds * 1000, 3),
            )

    async def _answer(self, request: Request, path: str, receive: Receive) -> Response:
        try:
            response = await self._carried_out(request, path, receive)
        except Refused as refused:
            response = refusal(refused, request.language)
        except Disconnected:
            raise
        except Exception:
            # Whatever it was, the client learns nothing of our insides; the log does.
            log.exception("request failed", method=request.method, interaction=request.what)
            issue = Issue("exception", "server.internal-error", severity="fatal")
            response = refusal(Refused(issue), request.language)
        if self.house.settings.cors_origins:
            extra = cross_origin(request, self.house.settings.cors_origins)
            response.headers = [*response.headers, *extra]
        return response

    async def _carried_out(self, request: Request, path: str, receive: Receive) -> Response:
        method = request.method
        if method == "OPTIONS":
            if self.house.settings.cors_origins and (response := preflight(request)):
                return response
            request.method, path = "GET", "/fhir/metadata"
        elif method == "HEAD":
            request.method = "GET"
        if not path.startswith("/fhir/"):
            page = PAGES.get(path)
            if page is not None and request.method == "GET":
                request.what = path
                return await page(self.house, self.metrics, request)
            if path != "/fhir":
                raise Refused(Issue("not-found", "server.unknown-path", "url", {"path": path}))
        request.segments = _segments(path)
        return await self._interact(request, receive)

    async def _interact(self, request: Request, receive: Receive) -> Response:
        raw = binary.wants_raw(request)
        content_type = FHIR_JSON[1] if raw else _answer_type(request)
        request.what, handler, target = routes().find(request)
        if request.method in _WITH_BODY:
            brings_raw = binary.brings_raw(request)
            if not brings_raw:
                _check_content(request)
            limit = self.house.settings.max_body_bytes
            request.body = await body(request.headers, receive, limit)
            if brings_raw:
                request.body = binary.resource(request, target.id)
        response = await handler(self.house, request, target)
        if raw:
            return binary.raw(response)
        if content_type != FHIR_JSON[1]:
            renamed = (b"content-type", content_type)
            response.headers = [renamed if h == FHIR_JSON else h for h in response.headers]
        return response

    async def _live(self, receive: Receive, send: Send) -> None:
        """Lifespan: the workers run as long as the server does, and the record closes last."""
        await receive()
        workers = Workers(self.house)
        await send({"type": "lifespan.startup.complete"})
        log.info("started", data=str(self.house.settings.data))
        await receive()
        await workers.stop()
        self.house.store.close()
        log.info("stopped")
        await send({"type": "lifespan.shutdown.complete"})


def _headers(raw: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """By name; of a header given several times the list that it stands for (RFC 9110, 5.3)."""
    headers = dict(raw)
    if len(headers) != len(raw):
        for name in headers:
            headers[name] = b", ".join(value for other, value in raw if other == name)
    return headers


def _segments(path: str) -> tuple[str, ...]:
    parts = path[6:].removesuffix("/")
    if not parts:
        return ()
    if "%" in parts:
        return tuple(decoded(part) for part in parts.split("/"))
    return tuple(parts.split("/"))


def _answer_type(request: Request) -> bytes:
    accept = request.headers.get(b"accept")
    if "_format" in request.raw_query:
        format = next((value for name, value in request.query if name == "_format"), None)
        return media.answer_type(accept, format)
    return media.answer_type(accept, None)


def _check_content(request: Request) -> None:
    """An operation looks itself at what it is given."""
    content_type = request.headers.get(b"content-type")
    last = request.segments[-1] if request.segments else ""
    if request.method == "PATCH":
        # What a client names no patch at all is one, too: `interactions/patch.py`.
        media.check_content(content_type, *media.PATCHES, media.FHIR_JSON)
    elif last == "_search":
        media.check_content(content_type, media.FORM)
    elif not last.startswith("$"):
        media.check_content(content_type, media.FHIR_JSON)
