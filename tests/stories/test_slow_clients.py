"""Clients that are slow, silent, gone or too many: each gets an end, and nobody else suffers.

The times are those of settings, and short; what is asserted is what happens, never when.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import struct
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.connections import GET, PATIENCE, answer, connected, until
from tests.kit.server import FHIR, newest, running_server, serving
from xinglin.server.delivery import deliver
from xinglin.server.http import Request, Response

DU = b'{"resourceType":"Patient","id":"du"}'
PUT = b"PUT /fhir/Patient/du HTTP/1.1\r\nhost: x\r\ncontent-type: application/fhir+json\r\n"


@contextmanager
def asking(root: str) -> Iterator[httpx.Client]:
    """A client that keeps no connection: an impatient server would close it just now."""
    with httpx.Client(base_url=f"{root}/fhir", headers={"connection": "close"}) as fhir:
        yield fhir


def assert_told_too_slow(connection: socket.socket) -> None:
    found, body = answer(connection)
    assert found.status == 408
    assert found.getheader("content-type", "").startswith("application/fhir+json")
    assert found.getheader("connection") == "close"
    assert json.loads(body)["issue"][0]["code"] == "timeout"


def drip(connection: socket.socket, data: bytes, pause: float = 0.02) -> None:
    """Send byte after byte, until there is an answer."""
    for byte in data:
        if select.select([connection], [], [], pause)[0]:
            return
        connection.sendall(bytes([byte]))


# Requests that do not come


@pytest.fixture(scope="module")
def impatient() -> Iterator[str]:
    with serving(request_timeout=0.5, keep_alive=0.5) as root:
        assert httpx.put(f"{root}/fhir/Patient/du", content=DU, headers=FHIR).status_code == 201
        yield root


@pytest.mark.parametrize("head", [GET[:-2], b"G", PUT], ids=["almost", "hardly", "unended"])
def test_half_a_head_and_then_silence(impatient: str, head: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(head)
        assert_told_too_slow(connection)


def test_a_head_that_comes_byte_by_byte(impatient: str) -> None:
    with connected(impatient) as connection:
        drip(connection, GET[:-2] + b"x-more: y\r\n" * 100_000)
        assert_told_too_slow(connection)


@pytest.mark.parametrize(
    "framing", [b"content-length: 1000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nf4240\r\n"]
)
@pytest.mark.parametrize("drips", [True, False])
def test_a_body_that_does_not_come(impatient: str, framing: bytes, drips: bool) -> None:
    with asking(impatient) as fhir, connected(impatient) as connection:
        before = newest(fhir)
        connection.sendall(PUT + framing + b"{")
        if drips:
            drip(connection, b" " * 100_000)
        assert_told_too_slow(connection)
        assert newest(fhir) == before


@pytest.mark.parametrize("head", [b"x-y: " + b"z" * 100, b"x-y: z\r\n"], ids=["one", "many"])
def test_a_head_without_end(impatient: str, head: bytes) -> None:
    """It may come as quickly as it likes: it is not held in memory."""
    piece = head * (100_000 // len(head))
    with connected(impatient) as connection:
        connection.sendall(GET[:-2])
        for _ in range(100):
            if select.select([connection], [], [], 0)[0]:
                break
            with suppress(ConnectionError):
                connection.sendall(piece)
        found, body = answer(connection)
        assert found.status == 431
        assert json.loads(body)["issue"][0]["code"] == "too-long"


def test_an_honest_body_over_a_poor_line() -> None:
    """It takes several times as long as a body may that does not move."""
    pieces = [b" " * 40] * 25 + [DU]
    length = b"content-length: %d\r\n\r\n" % sum(map(len, pieces))
    with (
        serving(request_timeout=1, min_upload_rate=50) as root,
        connected(root) as connection,
    ):
        connection.sendall(PUT + length)
        for piece in pieces:
            time.sleep(0.1)
            connection.sendall(piece)
        assert answer(connection)[0].status == 201


def test_a_second_request_that_stops_half_way(impatient: str) -> None:
    with connected(impatient) as connection:
        connection.sendall(GET + GET[:-2])
        assert answer(connection)[0].status == 200
        assert_told_too_slow(connection)


@pytest.mark.parametrize("said", [b"", GET, b"\r\n", GET + b"\r\n"])
def test_a_connection_on_which_nothing_is_asked(impatient: str, said: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(said)
        if GET in said:
            assert answer(connection)[0].status == 200
        assert connection.recv(1) == b""  # closed, and nothing said


def test_connections_are_kept_for_the_next_request() -> None:
    with serving(request_timeout=0.2, keep_alive=3600) as root, connected(root) as connection:
        for _ in range(3):
            connection.sendall(GET)
            assert answer(connection)[0].status == 404
            time.sleep(0.5)


def test_requests_that_do_not_wait_for_answers(impatient: str) -> None:
    """Pipelined (RFC 9112, 9.3.2); the body of one comes while others are answered."""
    body = b"content-length: %d\r\n\r\n" % len(DU)
    with connected(impatient) as connection:
        connection.sendall(GET * 20 + PUT + body + DU[:10])
        time.sleep(0.1)
        connection.sendall(DU[10:] + GET)
        read = connection.makefile("rb")
        codes = [_next(read) for _ in range(22)]
    assert codes == [200] * 22


def _next(read: Any) -> int:
    status = int(read.readline().split()[1])
    length = 0
    while (line := read.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
    read.read(length)
    return status


# Answers that are not taken

LARGE = 12_000_000  # bytes of a document, in base64 a third more


@contextmanager
def breaking_off(folder: Path, seconds: int) -> Iterator[tuple[str, int]]:
    """A server in a process of its own that has a large document; its address and process id."""
    config = folder / "xinglin.toml"
    config.write_text(f"send_timeout = {seconds}\n")
    with running_server(folder / "data", "--config", str(config)) as (root, process):
        data = b64encode(os.urandom(LARGE)).decode()
        document = {"resourceType": "Binary", "id": "d", "contentType": "a/b", "data": data}
        put = httpx.put(f"{root}/fhir/Binary/d", json=document, headers=FHIR, timeout=PATIENCE)
        assert put.status_code == 201
        yield root, process.pid


def memory(process: int) -> int:
    """Bytes of it that are resident."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


ASK = b"GET /fhir/Binary/d HTTP/1.1\r\nhost: x\r\naccept: application/fhir+json\r\n\r\n"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its memory")
def test_clients_that_never_read(tmp_path: Path) -> None:
    with breaking_off(tmp_path, 2) as (root, process), ExitStack() as opened:
        whole = httpx.get(f"{root}/fhir/Binary/d", timeout=PATIENCE)
        assert len(whole.content) > LARGE * 4 // 3
        before, files = memory(process), _files(process)
        deaf = [opened.enter_context(connected(root)) for _ in range(12)]
        for connection in deaf:
            connection.sendall(ASK)
            assert connection.recv(1) == b"H"
        assert httpx.get(f"{root}/healthz").status_code == 200
        assert httpx.get(f"{root}/fhir/Patient/none").status_code == 404
        until(lambda: _files(process) <= files)  # all are broken off
        until(lambda: memory(process) < before + 3 * LARGE)


def _files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_a_client_that_takes_its_answer_slowly(tmp_path: Path) -> None:
    """In pauses, each shorter than what is allowed, all of them longer."""
    with breaking_off(tmp_path, 2) as (root, _), connected(root, 65536) as connection:
        connection.sendall(ASK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        read = connection.makefile("rb")
        size = 0
        for _ in range(10):
            time.sleep(0.3)
            size += len(read.read(1 << 20))
        assert size + len(read.read()) > LARGE * 4 // 3


def test_a_stream_ends_with_its_client() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"more"

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    sent: list[dict[str, Any]] = []
    asyncio.run(deliver(Request("GET", ()), Response(200, endless()), receive, send, 0))
    assert all(message.get("more_body", True) for message in sent)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="options of Linux")
def test_a_client_that_vanishes_is_noticed() -> None:
    """By probes of the system, which each connection inherits from its listener."""
    with serving(send_timeout=60) as root, connected(root) as connection:
        connection.sendall(GET)
        answer(connection)
        accepted = _accepted(connection.getsockname())
        with accepted:
            tcp = [
                accepted.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    *(socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT),
                    socket.TCP_USER_TIMEOUT,
                )
            ]
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert tcp == [30, 10, 3, 60_000]


def _accepted(peer: tuple[str, int]) -> socket.socket:
    """The server's end of a connection, in this same process."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            found = socket.socket(fileno=os.dup(int(link.name)))
        except OSError:  # it is no socket, or closed meanwhile
            continue
        try:
            if found.getpeername() == peer:
                return found
        except OSError:  # it is not connected
            pass
        found.close()
    raise AssertionError(f"no connection from {peer}")


@pytest.mark.parametrize("waits", [0.0, 0.002, 0.02])
def test_a_client_that_goes_while_its_write_waits(impatient: str, waits: float) -> None:
    """The write is there as a whole or not at all."""
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    entry = {"resource": basic, "request": {"method": "POST", "url": "Basic"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 7}
    body = json.dumps(bundle).encode()
    head = b"POST /fhir HTTP/1.1\r\nhost: x\r\ncontent-type: application/fhir+json\r\n"
    with asking(impatient) as fhir:
        for reset in (True, False):
            with connected(impatient) as connection:
                connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
                time.sleep(waits)
                if reset:
                    on_close = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, on_close)
        for _ in range(3):
            found = fhir.get("Basic", params={"_summary": "count"}).json()["total"]
            assert found % 7 == 0
        assert fhir.post("", json=bundle, headers=FHIR).status_code == 200
