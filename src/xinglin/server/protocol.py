"""HTTP as uvicorn speaks it, with an end to waiting, and what is answered to what never becomes
a request (RFC 9112; RFC 9110, 15.5.9; RFC 6585, 5; FHIR R4, RESTful API, "Support for
OperationOutcome").

Next to nothing is done per request: what a client owes is seen from what uvicorn knows of the
connection, once in each round of the watch (`watch.py`).
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from xinglin.fhir.outcome import Issue
from xinglin.server.crowd import Crowded
from xinglin.server.http import FHIR_JSON
from xinglin.server.refusal import outcome_text
from xinglin.server.settings import Settings

_SAVED: Final = 3  # a body that came quickly may then pause for so many `request_timeout`s
_LONGEST_HEAD: Final = 256 * 1024  # bytes, far above any honest search


class Owed(Enum):
    """What a client still has to send."""

    NOTHING = auto()  # the answer is made, or on its way: the system watches that (`running.py`)
    REQUEST = auto()
    HEAD = auto()
    BODY = auto()


class Protocol(HttpToolsProtocol):
    """One connection.

    A head has `request_timeout` seconds. A body has as many, and one more for each
    `min_upload_rate` bytes of it, of which a minute can be saved up: so 100 MB may take a day
    over a poor line, and nobody holds a connection by a byte now and then. Where nothing is
    asked, the connection is closed after `keep_alive` seconds.
    """

    def __init__(self, settings: Settings, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._settings = settings
        self._owed = Owed.NOTHING
        self._of: object = None
        self._until = 0.0
        self._received = 0  # bytes on this connection
        self._looked_at = 0  # of these, in the last round
        self._whole = 0  # of these, when the last request was whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        most = self._settings.max_connections
        if len(self.connections) > 2 * most:
            transport.abort()
        elif len(self.connections) > most:
            self.app = Crowded(self.app, lambda: len(self.connections) <= most)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._received - self._whole <= _LONGEST_HEAD or self.transport.is_closing():
            return
        if self._owes() is Owed.HEAD:
            self._end(431, Issue("too-long", "server.head-too-large", at="head"))

    def on_message_complete(self) -> None:
        self._whole = self._received
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn's, without its timer for what comes next: the watch sees to that."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        self._end(400, Issue("structure", "server.not-http", at="request"))

    def look(self, now: float) -> None:
        """Give up on a client that has owed the same for too long. (Seconds; see `watch.py`.)"""
        if self.transport.is_closing():
            return
        limits = self._settings
        owed = self._owes()
        if owed is not self._owed or self.scope is not self._of:
            self._owed, self._of = owed, self.scope
            between = owed is Owed.REQUEST and self.cycle is not None
            self._until = now + (limits.keep_alive if between else limits.request_timeout)
        elif owed is Owed.BODY:
            came = self._received - self._looked_at
            earned = self._until + came / limits.min_upload_rate
            self._until = min(earned, now + _SAVED * limits.request_timeout)
        self._looked_at = self._received
        if owed is not Owed.NOTHING and now >= self._until:
            self._give_up()

    def _owes(self) -> Owed:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            begun = None if cycle is None else cycle.scope
            return Owed.REQUEST if self.scope is begun else Owed.HEAD
        # While nothing is read, or an answer is under way already, nothing can be asked of it.
        held = self.flow.read_paused or cycle.response_started or self.pipeline
        return Owed.BODY if cycle.more_body and not held else Owed.NOTHING

    def _give_up(self) -> None:
        if self._owed is Owed.REQUEST:  # it asked nothing, so nothing is answered
            self.transport.close()
            return
        at = "head" if self._owed is Owed.HEAD else "body"
        self._end(408, Issue("timeout", "server.too-slow", at=at))

    def _end(self, status: int, issue: Issue) -> None:
        """Say why, and close. There is no request, so there is no language but English."""
        body = outcome_text([issue], "en")
        headers = [
            *self.server_state.default_headers,
            FHIR_JSON,
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        self.transport.close()
