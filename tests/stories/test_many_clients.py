"""More clients than there is room for, a record that is away, processes that share a port: who
asks is told at once, and told when to come back.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.kit.connections import GET, PATIENCE, answer, connected, until
from tests.kit.server import issue, serving
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.http import Request
from xinglin.server.metrics import Metrics
from xinglin.server.pages import alive, ready
from xinglin.server.refusal import response
from xinglin.server.running import listen, root

PUT = b"PUT /fhir/Patient/du HTTP/1.1\r\nhost: x\r\ncontent-type: application/fhir+json\r\n"


# Too many at once


def test_more_connections_than_the_server_takes() -> None:
    with serving(max_connections=2) as root, ExitStack() as opened:
        first, second, third = (opened.enter_context(connected(root)) for _ in range(3))
        for connection in (first, second):
            connection.sendall(GET)
            assert answer(connection)[0].status == 404
        body = b"content-length: 100000\r\naccept-language: zh\r\n\r\n" + b" " * 100_000
        for asked in (GET, PUT + body, GET):
            third.sendall(asked)
            refused, text = answer(third)
            assert refused.status == 503
            assert int(refused.getheader("retry-after", "")) > 0
            assert refused.getheader("content-type", "").startswith("application/fhir+json")
            assert json.loads(text)["issue"][0]["code"] == "throttled"
        third.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert answer(third)[0].status == 200
        first.close()

        def has_room() -> bool:
            third.sendall(GET)
            return answer(third)[0].status == 404

        until(has_room)


def test_a_flood_of_connections_is_cut() -> None:
    with serving(max_connections=1) as root, ExitStack() as opened:
        held = [opened.enter_context(connected(root)) for _ in range(3)]
        held[1].sendall(GET)
        assert answer(held[1])[0].status == 503
        with pytest.raises(ConnectionError):
            held[2].sendall(GET)
            if not held[2].recv(1):
                raise ConnectionResetError
        held[0].sendall(GET)
        assert answer(held[0])[0].status == 404


# What is told to those who can come back


@pytest.mark.parametrize(("code", "status"), [("transient", 503), ("throttled", 429)])
def test_who_may_come_back_is_told_when(code: Any, status: int) -> None:
    refused = response(Refused(Issue(code, "server.crowded")), "en")
    assert refused.status == status
    assert int(dict(refused.headers)[b"retry-after"]) > 0


def test_who_may_not_is_not() -> None:
    with serving() as root:
        missing = httpx.get(f"{root}/fhir/Patient/none")
        assert issue(missing)["code"] == "not-found"
        assert "retry-after" not in missing.headers


class Record:
    """A record that does not answer, or not well."""

    def __init__(self, error: Exception | None) -> None:
        self.store = self
        self._error = error

    async def feed(self, after: int, limit: int) -> list[Any]:
        if self._error is not None:
            raise self._error
        await asyncio.sleep(24 * 60 * 60)
        return []


@pytest.mark.parametrize("error", [None, ConnectionError("gone"), Refused()])
def test_the_process_lives_while_the_record_is_away(error: Exception | None) -> None:
    house: Any = Record(error)
    away = asyncio.run(ready(house, Metrics(), Request("GET", ())))
    assert away.status == 503
    assert int(dict(away.headers)[b"retry-after"]) > 0
    assert dict(away.headers)[b"content-type"].startswith(b"text/plain")
    assert asyncio.run(alive(house, Metrics(), Request("GET", ()))).status == 200


def test_the_record_is_asked_whether_it_is_there() -> None:
    with serving() as root:
        assert httpx.get(f"{root}/readyz").text == "ready\n"


# Several processes at one port


def test_a_port_that_is_shared() -> None:
    first = listen("127.0.0.1", 0, share=True)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port, share=True)
    try:
        assert root(first) == root(second)
        with pytest.raises(Refused) as alone:
            listen("127.0.0.1", port)
        assert alone.value.issues[0].key == "server.port-taken"
        reached: set[socket.socket] = set()
        for _ in range(1000):
            with socket.create_connection(("127.0.0.1", port)):
                ready_now, _, _ = select.select([first, second], [], [], PATIENCE)
                for each in ready_now:
                    each.accept()[0].close()
                reached.update(ready_now)
            if len(reached) == 2:
                return
        raise AssertionError("all connections went to one process")
    finally:
        first.close()
        second.close()
