"""The load generator: many virtual users on one event loop, in a process of its own.

Each user has one kept-alive connection and asks its next question when the last is answered
(a closed loop, as k6 has it). A request costs some 15 µs here, so that one core asks faster
than a server in Python can answer; every run says how busy the generator was.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import cast

import httptools
import uvloop

from xinglin.cli.benchmarking.asking import Answer, Ask, Door, Script, Workload

LOST = 0  # in the place of a status: the connection broke, or the answer never came
UNEXPECTED = 1  # the status was good, the content was not

_PATIENCE = 60.0  # seconds for the last answers to come in
_AGAIN = 0.05  # seconds before another try to connect


@dataclass(slots=True)
class Series:
    """All answers to one kind of request."""

    outcomes: Counter[int] = field(default_factory=Counter)  # by HTTP status
    latencies: array[float] = field(default_factory=lambda: array("d"))  # seconds; good answers
    resources: int = 0

    def count(self, ask: Ask, answer: Answer, latency: float) -> None:
        status = answer.status
        if 200 <= status < 300:
            if ask.expected in answer.body:
                self.latencies.append(latency)
                self.resources += ask.resources
            else:
                status = UNEXPECTED
        self.outcomes[status] += 1


@dataclass(slots=True)
class Load:
    """One run."""

    seconds: float  # until the last answer was there
    generator_seconds: float  # CPU of the generator
    parts: dict[str, Series]


def run(door: Door, workload: Workload, users: int, seconds: float) -> Load:
    """Let so many users ask for so long."""
    return uvloop.run(_run(door, workload, users, seconds))


async def _run(door: Door, workload: Workload, users: int, seconds: float) -> Load:
    gc.collect()
    gc.freeze()  # the workload lives as long as the run: no need to look through it
    parts: defaultdict[str, Series] = defaultdict(Series)
    started, cpu = perf_counter(), process_time()

    def user(number: int) -> _User:
        return _User(lambda: workload.user(number, users), parts, started + seconds)

    everybody = [user(number) for number in range(users)]
    tasks = [asyncio.create_task(each.live(door)) for each in everybody]
    _, late = await asyncio.wait(tasks, timeout=seconds + _PATIENCE)
    for each in everybody:
        each.give_up()
    if late:
        await asyncio.wait(late)
    return Load(perf_counter() - started, process_time() - cpu, dict(parts))


class _User(asyncio.Protocol):
    """One virtual user, on one connection after another if the server closes them."""

    _transport: asyncio.Transport
    _next: Ask

    def __init__(
        self, begin: Callable[[], Script], parts: defaultdict[str, Series], until: float
    ) -> None:
        self._begin = begin
        self._parts = parts
        self._until = until
        self._script: Script | None = None
        self._waiting = False
        self._over = False
        self._gone = asyncio.Event()
        self._gone.set()
        self._choose(None)

    async def live(self, door: Door) -> None:
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if door.tls else None
        while not self._over:
            try:
                await loop.create_connection(lambda: self, door.host, door.port, ssl=context)
            except OSError:
                self._lost()
                await asyncio.sleep(_AGAIN)
            else:
                await self._gone.wait()

    def give_up(self) -> None:
        self._over = True
        if not self._gone.is_set():
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._gone.clear()
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._lost()
        self._gone.set()

    # What httptools calls while it reads an answer.

    def on_message_begin(self) -> None:
        self._location = b""
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 8 and name.lower() == b"location":
            self._location = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        latency = perf_counter() - self._sent
        self._waiting = False
        answer = Answer(
            self._parser.get_status_code(), self._location.decode("latin-1"), b"".join(self._body)
        )
        self._parts[self._next.what].count(self._next, answer, latency)
        self._choose(answer)
        if self._over or not self._parser.should_keep_alive():
            self._transport.close()
        else:
            self._send()

    def _choose(self, answer: Answer | None) -> None:
        """What to ask next; nothing once the time is over."""
        if perf_counter() >= self._until:
            self._over = True
            return
        if self._script is not None and answer is not None:
            try:
                self._next = self._script.send(answer)
            except StopIteration:
                self._script = None
        if self._script is None:
            self._script = self._begin()
            self._next = next(self._script)

    def _send(self) -> None:
        self._waiting = True
        self._sent = perf_counter()
        self._transport.write(self._next.data)

    def _lost(self) -> None:
        """Nobody knows what came of the request, so its user begins anew."""
        self._parts[self._next.what].outcomes[LOST] += 1
        self._waiting = False
        self._script = None
        self._choose(None)
