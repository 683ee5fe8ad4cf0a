"""Bare connections to a server, for clients that no library would be.

What has to happen is waited for with much patience: tests never time anything.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 60  # seconds
GET = b"GET /fhir/Patient/du HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def connected(root: str, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    host, _, port = root.removeprefix("http://").rpartition(":")
    with socket.socket() as connection:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect((host, int(port)))
        yield connection


def answer(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    found = http.client.HTTPResponse(connection)
    found.begin()
    return found, found.read()


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "what was waited for did not happen"
        time.sleep(0.05)
