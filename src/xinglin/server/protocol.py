"""HTTP as uvicorn speaks it, and what it answers to what is not HTTP
(RFC 9112; FHIR R4, RESTful API, "Support for OperationOutcome").
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from xinglin.fhir.outcome import Issue
from xinglin.server.http import FHIR_JSON
from xinglin.server.refusal import outcome_text

_HEAD: Final = b"HTTP/1.1 400 Bad Request\r\n%b\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """Such bytes never become a request, so there is no language to answer in but English."""

    def send_400_response(self, msg: str) -> None:
        body = outcome_text([Issue("structure", "server.not-http", at="request")], "en")
        headers = [
            *self.server_state.default_headers,
            FHIR_JSON,
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = b"\r\n".join(b"%b: %b" % header for header in headers)
        self.transport.write(_HEAD % lines + body)
        self.transport.close()
