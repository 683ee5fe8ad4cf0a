"""The embedded store: one folder, one process, one writer; readers in any thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import apsw

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.parameters import Registry, standard
from xinglin.fhir.search.tree import Node, Query
from xinglin.store.face import HistoryPage, Page, Reader, Transaction, Version
from xinglin.store.relational.catalogue import Catalogue, enrol
from xinglin.store.relational.database import Unreachable
from xinglin.store.relational.ledger import Ledger
from xinglin.store.relational.reads import Reads
from xinglin.store.relational.reindexing import IN_FORCE, TO_COME, registry_of, reindex
from xinglin.store.relational.work import Work
from xinglin.store.relational.writer import Writer
from xinglin.store.sqlite.database import Sqlite, told
from xinglin.store.sqlite.lane import SqliteLane
from xinglin.store.sqlite.lock import FolderLock
from xinglin.store.sqlite.schema import prepare, require

Result = TypeVar("Result")

READ_CACHE_KIB = 8 << 10
WRITE_CACHE_KIB = 12 << 10

MAINTENANCE_CACHE_KIB = 64 << 10

FILE = "record.sqlite"
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
        self._threads = threading.local()
        self._opened: list[Sqlite] = []
        self._lane = SqliteLane()
        self._keeper = Sqlite(self._path, cache_kib=256)
        try:
            prepare(self._keeper)
            self._catalogue = _enrolled(self._keeper)
            self._writer = Writer(self._open_ledger, self._lane, clock)
        except BaseException:
            self._keeper.close()
            raise

    def _open_ledger(self) -> Ledger:
        database = Sqlite(self._path, cache_kib=WRITE_CACHE_KIB)
        self._lane.watch(database)
        to_come = registry_of(database, TO_COME)
        catalogue = self._catalogue if to_come is None else Catalogue(database, to_come)
        return Ledger(database, Reads(database, self._catalogue), catalogue)

    @property
    def registry(self) -> Registry:
        return self._catalogue.registry

    @property
    def _reads(self) -> Reads:
        """In a connection of this thread's own."""
        mine = self._threads
        database: Sqlite | None = getattr(mine, "database", None)
        if database is None:
            database = mine.database = Sqlite(self._path, cache_kib=READ_CACHE_KIB)
            self._opened.append(database)
            mine.reads = Reads(database, self._catalogue)
            # Other threads come for one long look, and would keep their snapshot for ever.
            mine.lasting = _in_event_loop()
        elif mine.reads.catalogue is not self._catalogue:
            mine.reads = Reads(database, self._catalogue)
        if mine.lasting:
            if self._lane.log_is_long:
                database.release()
            else:
                database.refresh(self._writer.commits)
        reads: Reads = mine.reads
        return reads

    def _release(self) -> None:
        """Something was committed: this thread looks again when it reads again."""
        database: Sqlite | None = getattr(self._threads, "database", None)
        if database is not None and self._threads.lasting:
            database.release()

    async def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        return self._reads.read(reader, type, id, version=version, at=at)

    async def search(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        return self._reads.search(reader, query, cursor)

    async def which(
        self, reader: Reader, where: Node, versions: Sequence[Version]
    ) -> Sequence[Version]:
        return self._reads.which(reader, where, versions)

    async def history(
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
        return await self.maintain(work)

    async def maintain(self, work: Callable[[Work], Result]) -> Result:
        result: Result = await self._writer.commit(work)
        self._release()
        return result

    async def feed(self, after: int, limit: int) -> Sequence[Version]:
        return self._reads.feed(after, limit)

    async def cursor(self, consumer: str) -> int:
        return self._reads.cursor(consumer)

    async def end(self) -> int:
        return self._reads.end()

    async def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        await work()  # the folder has but one process

    async def reindex(self, definitions: Sequence[bytes]) -> AsyncIterator[tuple[int, int]]:
        async for progress in reindex(self.maintain, definitions):
            yield progress
        self._catalogue = Catalogue(self._keeper, registry_of(self._keeper, IN_FORCE) or standard())
        catalogue = self._catalogue
        await self.maintain(lambda work: work.search_by(catalogue))

    def announce(self, address: str) -> None:
        """Let other processes that want the folder know where it is served."""
        self._lock.announce(address)

    def close(self) -> None:
        self._writer.close()
        for database in (*self._opened, self._keeper):
            database.close(keep_log=self._lane.log_must_stay)
        self._lock.release()
        if self._passing is not None:
            self._passing.cleanup()


def _enrolled(database: Sqlite) -> Catalogue:
    """The catalogue, after numbers were given to whatever has none yet."""
    in_force = registry_of(database, IN_FORCE) or standard()
    with database.transaction():
        enrol(database, in_force, RESOURCE_TYPES)
    return Catalogue(database, in_force)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def open_database(folder: Path, *, write: bool = False) -> Iterator[Sqlite]:
    """The tables of the record in a folder; see `places.open_database`."""
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))
    lock = FolderLock(folder) if write else None
    try:
        database = Sqlite(str(path), cache_kib=MAINTENANCE_CACHE_KIB)
        try:
            (prepare if write else require)(database)
            yield database
        finally:
            database.close()
    except apsw.Error as error:
        raise Unreachable(str(error)) from error
    finally:
        if lock is not None:
            lock.release()


def open_store(folder: Path | None, *, clock: Callable[[], int]) -> SqliteStore:
    """The record in a folder, made when it is missing; None: in one that is gone when closed.

    Args:
        clock: microseconds since 1970-01-01T00:00Z.

    Raises:
        FolderInUse: another process has the folder open.
        SchemaMismatch: another edition wrote it.
        Unreachable: its file is damaged.
        Refused: its disk is full or failing.
    """
    passing = None
    if folder is None:
        # Not SQLite's own memory: there a reader and the writer would wait for one another.
        passing = TemporaryDirectory(prefix="xinglin-", dir=MEMORY if MEMORY.is_dir() else None)
        folder = Path(passing.name)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        return SqliteStore(folder / FILE, lock, clock, passing)
    except BaseException as error:
        lock.release()
        failure = told(error)
        if isinstance(failure, apsw.Error):  # the file is damaged, or no database
            raise Unreachable(str(error)) from error
        raise failure from error
