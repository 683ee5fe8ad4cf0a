"""The record in a PostgreSQL database, which any number of server processes may share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search import tree
from xinglin.fhir.search.parameters import Registry, standard
from xinglin.store.face import HistoryPage, Page, Reader, Transaction, Version
from xinglin.store.postgres.access import Access
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.failures import finding
from xinglin.store.postgres.fetching import Fetcher
from xinglin.store.postgres.lane import PostgresLane, in_force
from xinglin.store.postgres.leases import alone
from xinglin.store.postgres.readers import THREADS, Readers
from xinglin.store.postgres.schema import prepare, require
from xinglin.store.postgres.watch import Watch
from xinglin.store.relational.catalogue import Catalogue, enrol
from xinglin.store.relational.ledger import Ledger
from xinglin.store.relational.reads import Reads
from xinglin.store.relational.reindexing import IN_FORCE, TO_COME, registry_of, reindex
from xinglin.store.relational.work import Work
from xinglin.store.relational.writer import Writer

Result = TypeVar("Result")

CLOSING = 5.0  # seconds that works which wait for the database are given at the end

_EVERYTHING = tree.Everything()


class PostgresStore:
    """The Store of the face. See `open_store`."""

    def __init__(self, url: str, clock: Callable[[], int]) -> None:
        access = self._access = Access(url)
        keeper = access.open("write")
        try:
            with finding():
                prepare(keeper)
                self._catalogue = _enrolled(keeper)
        finally:
            keeper.close()
        self._writer = Writer(self._open_ledger, PostgresLane(access), clock)
        self._readers = Readers(access, self._in_force, THREADS)
        self._fetcher = Fetcher(access, Readers(access, self._in_force, 1))
        self._watch = Watch(access, self._look_again, self._writer)

    def _open_ledger(self) -> Ledger:
        database = self._access.open("write")
        try:
            to_come = registry_of(database, TO_COME)
            catalogue = self._catalogue if to_come is None else Catalogue(database, to_come)
            return Ledger(database, Reads(database, self._catalogue), catalogue)
        except BaseException:
            database.close()
            raise

    def _in_force(self) -> Catalogue:
        return self._catalogue

    def _look_again(self, database: Postgres) -> None:
        """Some process brought other search parameters into force."""
        self._catalogue = in_force(database)

    @property
    def registry(self) -> Registry:
        return self._catalogue.registry

    async def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        if version is None and at is None and reader.rule(type) == _EVERYTHING:
            return await self._fetcher.fetch(type, id)
        return await self._readers.ask(
            lambda reads: reads.read(reader, type, id, version=version, at=at)
        )

    async def search(self, reader: Reader, query: tree.Query, *, cursor: str | None = None) -> Page:
        return await self._readers.ask(lambda reads: reads.search(reader, query, cursor))

    async def which(
        self, reader: Reader, where: tree.Node, versions: Sequence[Version]
    ) -> Sequence[Version]:
        return await self._readers.ask(lambda reads: reads.which(reader, where, versions))

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
        return await self._readers.ask(
            lambda reads: reads.history(
                reader, type, id, count=count, since=since, at=at, cursor=cursor
            )
        )

    async def commit(self, work: Callable[[Transaction], Result]) -> Result:
        return await self.maintain(work)

    async def maintain(self, work: Callable[[Work], Result]) -> Result:
        result: Result = await self._writer.commit(work)
        return result

    async def feed(self, after: int, limit: int) -> Sequence[Version]:
        return await self._readers.ask(lambda reads: reads.feed(after, limit))

    async def cursor(self, consumer: str) -> int:
        return await self._readers.ask(lambda reads: reads.cursor(consumer))

    async def end(self) -> int:
        return await self._readers.ask(lambda reads: reads.end())

    async def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        await alone(self._access, name, work)

    async def reindex(self, definitions: Sequence[bytes]) -> AsyncIterator[tuple[int, int]]:
        async for progress in reindex(self.maintain, definitions):
            yield progress
        await self._readers.ask(lambda reads: self._look_again(_postgres(reads)))

    def close(self) -> None:
        """Finish what is under way, if the database lets us."""
        self._writer.close(0 if self._access.gone else CLOSING)
        self._access.close()
        self._writer.close()
        self._watch.close()
        self._fetcher.close()
        self._readers.close()


def _postgres(reads: Reads) -> Postgres:
    assert isinstance(reads.database, Postgres)
    return reads.database


def _enrolled(database: Postgres) -> Catalogue:
    """The catalogue, after numbers were given to whatever has none yet, by one process at a
    time."""
    database.execute("BEGIN")
    try:
        database.execute("SELECT seq FROM lane FOR UPDATE").fetchall()
        registry = registry_of(database, IN_FORCE) or standard()
        enrol(database, registry, RESOURCE_TYPES)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
    return Catalogue(database, registry)


def open_store(url: str, *, clock: Callable[[], int]) -> PostgresStore:
    """The record in a database (libpq's URL, several hosts allowed), made when it is missing.

    Args:
        clock: microseconds since 1970-01-01T00:00Z.

    Raises:
        Unreachable: the database cannot be reached.
        Unusable: rights are missing in it, or other tables have the place of the record's.
        Refused: the URL is none, or what is there is not a database that keeps a record.
        SchemaMismatch: another edition made it.
    """
    return PostgresStore(url, clock)


@contextmanager
def open_database(url: str, *, write: bool = False) -> Iterator[Postgres]:
    """The tables of the record in a database; see `places.open_database`."""
    database = Postgres(url, role="write" if write else "read")
    try:
        with finding():
            (prepare if write else require)(database)
        yield database
    finally:
        database.close()
