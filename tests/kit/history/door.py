"""The way of one client to the servers: each request goes to any of them, and is noted with its
answer (FHIR R4, RESTful API).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import httpx

from tests.kit.history import answers
from tests.kit.history.answers import Shown
from tests.kit.history.contents import CLAIM, GROUP, TYPES, Json, canonical, mark_of
from tests.kit.history.notes import Asked, Fate, Notes, Write
from tests.kit.server import FHIR

_PAUSE = 0.05  # seconds before the next try, when nobody is there
_PATIENCE = 60  # seconds for an answer
_REFUSALS = frozenset({404, 409, 410, 412})  # what a client may meet in its work


class UnansweredError(Exception):
    """No answer that says anything: try something else."""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    read: Callable[[httpx.Response], Shown]
    content: Json | None = None
    writes: tuple[Write, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    first: bool = False


class Door:
    """Of one client, in one thread."""

    def __init__(
        self, who: str, servers: Sequence[str], notes: Notes, random: Random, stop: threading.Event
    ) -> None:
        self.who = who
        self.notes = notes
        self.random = random
        self.stop = stop
        self._clients = {
            server: httpx.Client(base_url=f"{server}/fhir", headers=FHIR, timeout=_PATIENCE)
            for server in servers
        }

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def read(self, address: str) -> Shown:
        return self._ask(_Call("GET", address, lambda r: answers.of_read(r, address)))

    def put(self, content: Json, base: int | None = None) -> Shown:
        """With a base: if that is the current version."""
        address = f"{content['resourceType']}/{content['id']}"
        write = Write(mark_of(content), address, canonical(content), base)
        headers = {} if base is None else {"if-match": f'W/"{base}"'}
        return self._write("PUT", address, content, write, headers)

    def create(self, content: Json, claim: str | None = None) -> Shown:
        """With a claim: if nothing has it yet."""
        write = Write(mark_of(content), None, canonical(content), claim=claim)
        headers = {} if claim is None else {"if-none-exist": f"identifier={CLAIM}|{claim}"}
        return self._write("POST", content["resourceType"], content, write, headers)

    def delete(self, address: str) -> Shown:
        write = (Write(None, address),)
        read = lambda r: answers.of_delete(r, address)  # noqa: E731
        return self._ask(_Call("DELETE", address, read, writes=write))

    def transaction(self, entries: Sequence[Json]) -> Shown:
        writes = tuple(answers.asked_by(entry) for entry in entries)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        read = lambda r: answers.of_transaction(r, writes)  # noqa: E731
        return self._ask(_Call("POST", "", read, bundle, writes))

    def search(self, group: str) -> Shown:
        """All resources of a group."""
        path = f"?_type={TYPES}&_tag={GROUP}|{group}&_count=1000"
        return self._ask(_Call("GET", path, lambda r: answers.of_search(r, group), group=group))

    def history(self, query: str, *, first: bool) -> Shown:
        """A page of the history of everything."""
        return self._ask(_Call("GET", query, answers.of_history, first=first))

    def _write(
        self, method: str, path: str, content: Json, write: Write, headers: Mapping[str, str]
    ) -> Shown:
        read = lambda r: answers.of_write(r, write)  # noqa: E731
        return self._ask(_Call(method, path, read, content, (write,), headers))

    def _ask(self, call: _Call) -> Shown:
        """Raises UnansweredError for everything but an answer and an expected refusal."""
        server = self.random.choice(list(self._clients))
        what = f"{call.method} {call.path or 'transaction'}"
        began = time.monotonic_ns()
        asked = Asked(self.who, server, what, began, began, None, call.writes)
        try:
            response = self._clients[server].request(
                call.method, call.path, json=call.content, headers=call.headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout):  # it was never sent
            self.stop.wait(_PAUSE)
            raise UnansweredError from None
        except httpx.TransportError:
            self.notes.note(replace(asked, ended=time.monotonic_ns()))
            raise UnansweredError from None
        asked = replace(asked, ended=time.monotonic_ns(), status=response.status_code)
        shown = self._understood(asked, call, response)
        self.notes.note(
            replace(
                asked,
                told=shown.told,
                saw=shown.saw,
                listed=shown.listed,
                group=call.group,
                first=call.first,
            )
        )
        if asked.fate is Fate.DOUBTFUL:
            self.stop.wait(_PAUSE)
            raise UnansweredError
        return shown

    def _understood(self, asked: Asked, call: _Call, response: httpx.Response) -> Shown:
        """What the answer says. What is wrong in itself is a fault, whatever the record holds."""
        status = response.status_code
        if status == 503 and "retry-after" not in response.headers:
            self.notes.fault(f"{asked}: 503 without Retry-After")
        if 400 <= status != 503 and status not in _REFUSALS:
            self.notes.fault(f"{asked}: {response.text}")
        if status >= 400 and status not in _REFUSALS:
            return Shown()
        try:
            return call.read(response)
        except (AssertionError, KeyError, TypeError, ValueError) as wrong:
            self.notes.fault(f"{asked}: {wrong!r} in {response.text}")
            return Shown()
