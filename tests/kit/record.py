"""A record for tests: any engine behind the face of the store, with a clock that the test sets.

An engine is a context in which a store can be opened, with a clock, as often as the test likes;
a lasting one shows what an earlier store of the same context wrote.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.kit.postgres import a_database
from xinglin.fhir.resource import Resource, parse
from xinglin.fhir.search import grammar
from xinglin.fhir.search.parameters import standard
from xinglin.fhir.search.tree import Node, Query
from xinglin.store.face import (
    UNRESTRICTED,
    HistoryPage,
    Method,
    Page,
    Reader,
    Store,
    Transaction,
    Version,
)
from xinglin.store.places import open_store

START = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z, in µs

Json = dict[str, Any]
Open = Callable[["Clock"], Store]
Engine = Callable[[], AbstractContextManager[Open]]
Rule = Callable[[str], Node]


@contextmanager
def sqlite_in_memory() -> Iterator[Open]:
    yield lambda clock: open_store(None, clock=clock)


@contextmanager
def sqlite_on_disk() -> Iterator[Open]:
    with TemporaryDirectory() as folder:
        yield lambda clock: open_store(Path(folder), clock=clock)


@contextmanager
def postgres() -> Iterator[Open]:
    with a_database() as url:
        yield lambda clock: open_store(url, clock=clock)


ENGINES: Sequence[Engine] = (sqlite_in_memory, sqlite_on_disk, postgres)
LASTING: Sequence[Engine] = (sqlite_on_disk, postgres)

each_engine = pytest.mark.parametrize("engine", ENGINES)
each_lasting_engine = pytest.mark.parametrize("engine", LASTING)


class Clock:
    """Shows `now` (µs) and then moves on by `step`."""

    def __init__(self) -> None:
        self.now = START
        self.step = 1000

    def __call__(self) -> int:
        shown = self.now
        self.now += self.step
        return shown


class Restricted:
    """A reader who sees what a function of the type says."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def rule(self, type: str) -> Node:
        return self._rule(type)


def resource(content: Json) -> Resource:
    return parse(json.dumps(content, ensure_ascii=False).encode())


def query(text: str) -> Query:
    """The search of an address relative to the base: `Patient?name=du`, `?_type=Patient,Group`."""
    path, _, parameters = text.partition("?")
    pairs = parse_qsl(parameters, keep_blank_values=True)
    types = (path,) if path else ()
    found = grammar.parse(standard(), types, pairs, strict=True, base="", now_ms=START // 1000)
    return found.query


def names(versions: Sequence[Version]) -> list[str]:
    return [f"{each.type}/{each.id}" for each in versions]


def content(version: Version | None) -> Json:
    """What a version holds, as written: without what the server adds to `meta`."""
    assert version is not None
    assert version.content is not None
    found: Json = json.loads(version.content)
    for given in ("versionId", "lastUpdated"):
        del found["meta"][given]
    if not found["meta"]:
        del found["meta"]
    return found


class Record:
    """A store as a test uses it: one call after the other, of dicts and texts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def commit(self, work: Callable[[Transaction], Any]) -> Any:
        return asyncio.run(self.store.commit(work))

    def together(self, *works: Callable[[Transaction], Any]) -> list[Any]:
        """All in one group of the writer, in this order: their results or exceptions."""
        return asyncio.run(self._together(works))

    async def _together(self, works: Sequence[Callable[[Transaction], Any]]) -> list[Any]:
        begun, queued = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            begun.set()
            queued.wait()

        first = asyncio.create_task(self.store.commit(hold))
        await asyncio.to_thread(begun.wait)
        tasks = [asyncio.create_task(self.store.commit(work)) for work in works]
        await asyncio.sleep(0)  # each task runs until its work lies before the writer
        queued.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    def put(self, *contents: Json, method: Method = "PUT") -> Version:
        """Write these in one work; the last one's version."""

        def work(transaction: Transaction) -> Version:
            for each in contents:
                version, _ = transaction.put(resource(each), each["id"], method)
            return version

        written: Version = self.commit(work)
        return written

    def delete(self, type: str, id: str) -> Version | None:
        deleted: Version | None = self.commit(lambda t: t.delete(type, id))
        return deleted

    def read(self, name: str, reader: Reader = UNRESTRICTED, **which: int) -> Version | None:
        type, id = name.split("/")
        return asyncio.run(self.store.read(reader, type, id, **which))

    def search(
        self, text: str, reader: Reader = UNRESTRICTED, *, cursor: str | None = None
    ) -> Page:
        return self.page(reader, query(text), cursor=cursor)

    def page(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        return asyncio.run(self.store.search(reader, query, cursor=cursor))

    def found(self, text: str, reader: Reader = UNRESTRICTED) -> list[str]:
        return names(self.search(text, reader).hits)

    def history(self, name: str = "", reader: Reader = UNRESTRICTED, **which: Any) -> HistoryPage:
        """Of `Patient/du`, of `Patient`, or of everything."""
        type, _, id = name.partition("/")
        which.setdefault("count", 1000)
        return asyncio.run(self.store.history(reader, type or None, id or None, **which))

    def feed(self, after: int, limit: int) -> Sequence[Version]:
        return asyncio.run(self.store.feed(after, limit))

    def cursor(self, consumer: str) -> int:
        return asyncio.run(self.store.cursor(consumer))

    def end(self) -> int:
        return asyncio.run(self.store.end())

    def versions(self, name: str = "", reader: Reader = UNRESTRICTED, **which: Any) -> list[str]:
        """`Patient/du/2`, newest first."""
        page = self.history(name, reader, **which)
        return [f"{each.type}/{each.id}/{each.version}" for each in page.versions]


@contextmanager
def a_record(engine: Engine) -> Iterator[Record]:
    with engine() as open_here:
        clock = Clock()
        store = open_here(clock)
        try:
            yield Record(store, clock)
        finally:
            store.close()
