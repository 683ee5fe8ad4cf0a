"""More connections than the server takes: an answer at once instead of a place in a queue
(RFC 9110, 15.6.4 and 10.2.3).

Such a connection is kept: a client that comes back on it when there is room is served, without
the cost of a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from xinglin.fhir.outcome import Issue
from xinglin.server.http import FHIR_JSON, language
from xinglin.server.refusal import RETRY_AFTER, outcome_text

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# A server that has much to do must not be taken for dead, nor go unseen.
_ALWAYS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class Crowded:
    """What answers on a connection for which there is no room."""

    def __init__(
        self, app: Callable[[Any, Any, Any], Awaitable[None]], has_room: Callable[[], bool]
    ) -> None:
        self._app = app
        self._has_room = has_room

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Receive,
        send: Send,
    ) -> None:
        if scope["path"] in _ALWAYS or self._has_room():
            await self._app(scope, receive, send)
            return
        accepted = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        body = outcome_text([Issue("throttled", "server.crowded")], language(accepted))
        headers = [FHIR_JSON, RETRY_AFTER, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})
