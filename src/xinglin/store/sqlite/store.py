"""The embedded store: one folder, one process, one writer; readers in any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import apsw

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.parameters import Registry, standard
from xinglin.fhir.search.tree import Query
from xinglin.store.face import HistoryPage, Page, Reader, Transaction, Version
from xinglin.store.sqlite.lock import FolderLock
from xinglin.store.sqlite.names import Catalogue, enrol
from xinglin.store.sqlite.reads import Reads
from xinglin.store.sqlite.reindexing import IN_FORCE, TO_COME, registry_of, reindex
from xinglin.store.sqlite.schema import connect, prepare
from xinglin.store.sqlite.transaction import Ledger
from xinglin.store.sqlite.writer import Writer

Result = TypeVar("Result")

READ_CACHE_KIB = 8 << 10
WRITE_CACHE_KIB = 12 << 10

MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)


class SqliteStore:
    """The Store of the face. See `open_store`."""

    def __init__(
        self,
        path: Path,
        lock: FolderLock,
        clock: Callable[[], int],
        passing: TemporaryDirectory[str] | None,
    ) -> None:
        self._path = str(path)
        self._lock = lock
        self._passing = passing
        self._keeper = connect(self._path, cache_kib=256)
        prepare(self._keeper)
        in_force = registry_of(self._keeper, IN_FORCE) or standard()
        with self._keeper:
            enrol(self._keeper, in_force, RESOURCE_TYPES)
        self._catalogue = Catalogue(self._keeper, in_force)
        self._threads = threading.local()
        self._opened: list[apsw.Connection] = []
        self._writer = Writer(self._open_ledger, clock)

    def _open_ledger(self) -> Ledger:
        connection = connect(self._path, cache_kib=WRITE_CACHE_KIB)
        to_come = registry_of(connection, TO_COME)
        catalogue = self._catalogue if to_come is None else Catalogue(connection, to_come)
        return Ledger(connection, Reads(connection, self._catalogue), catalogue)

    @property
    def registry(self) -> Registry:
        return self._catalogue.registry

    @property
    def _reads(self) -> Reads:
        """A connection of this thread's own."""
        reads: Reads | None = getattr(self._threads, "reads", None)
        if reads is None:
            connection = connect(self._path, cache_kib=READ_CACHE_KIB)
            self._opened.append(connection)
            reads = self._threads.reads = Reads(connection, self._catalogue)
            # Other threads come for one long look, and would keep their snapshot for ever.
            self._threads.lasting = _in_event_loop()
        elif reads.catalogue is not self._catalogue:
            reads = self._threads.reads = Reads(reads.connection, self._catalogue)
        if self._threads.lasting:
            if self._writer.log_is_long:
                reads.release()
            else:
                reads.refresh(self._writer.commits)
        return reads

    def _release(self) -> None:
        """Something was committed: this thread looks again when it reads again."""
        reads: Reads | None = getattr(self._threads, "reads", None)
        if reads is not None and self._threads.lasting:
            reads.release()

    def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        return self._reads.read(reader, type, id, version=version, at=at)

    def search(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        return self._reads.search(reader, query, cursor)

    def history(
        self,
        reader: Reader,
        type: str | None = None,
        id: str | None = None,
        *,
        count: int,
        since: int | None = None,
        at: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> HistoryPage:
        return self._reads.history(reader, type, id, count=count, since=since, at=at, cursor=cursor)

    async def commit(self, work: Callable[[Transaction], Result]) -> Result:
        result: Result = await self._writer.commit(work)
        self._release()
        return result

    def feed(self, after: int, limit: int) -> Sequence[Version]:
        return self._reads.feed(after, limit)

    def cursor(self, consumer: str) -> int:
        return self._reads.cursor(consumer)

    def end(self) -> int:
        return self._reads.end()

    async def reindex(self, definitions: Sequence[bytes]) -> AsyncIterator[tuple[int, int]]:
        async for progress in reindex(self._writer.commit, definitions):
            yield progress
        self._catalogue = Catalogue(self._keeper, registry_of(self._keeper, IN_FORCE) or standard())
        catalogue = self._catalogue
        await self._writer.commit(lambda work: work.search_by(catalogue))

    def announce(self, address: str) -> None:
        """Let other processes that want the folder know where it is served."""
        self._lock.announce(address)

    def close(self) -> None:
        self._writer.close()
        for connection in (*self._opened, self._keeper):
            connection.close()
        self._lock.release()
        if self._passing is not None:
            self._passing.cleanup()


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def open_store(folder: Path | None, *, clock: Callable[[], int]) -> SqliteStore:
    """The record in a folder, made when it is missing; None: in one that is gone when closed.

    Args:
        clock: microseconds since 1970-01-01T00:00Z.

    Raises:
        FolderInUse: another process has the folder open.
        SchemaMismatch: another edition wrote it.
    """
    passing = None
    if folder is None:
        # Not SQLite's own memory: there a reader and the writer would wait for one another.
        passing = TemporaryDirectory(prefix="xinglin-", dir=MEMORY if MEMORY.is_dir() else None)
        folder = Path(passing.name)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        return SqliteStore(folder / "record.sqlite", lock, clock, passing)
    except BaseException:
        lock.release()
        raise
