"""One connection to a SQLite file, as the shared part of the record asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import islice
from typing import Any

import apsw

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.relational.database import Found, Row
from xinglin.store.relational.keys import unpack_id
from xinglin.store.relational.sql import Binding

# What a disk does that is full, failing, or gone: it is tried again when somebody writes again.
_CANNOT_KEEP = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)

_NOT_SYNCED = (apsw.SQLITE_IOERR_FSYNC, apsw.SQLITE_IOERR_DIR_FSYNC)

FAULTS = 20  # of a file that are told


class Sqlite:
    """The Database of `relational/database.py`; its disk's failures are those of apsw."""

    def __init__(self, path: str, *, cache_kib: int) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        connection = self.connection = apsw.Connection(path, flags=flags, statementcachesize=400)
        connection.set_busy_timeout(10_000)
        # Else SQLite plans a statement anew for each value that is bound to it.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.create_scalar_function("id_text", _id_text, 1, deterministic=True)
        # No layer in between: a read takes some 10 µs.
        self.execute = connection.execute  # type: ignore[method-assign, assignment]
        self._commits = -1
        try:
            for pragma in (
                "page_size = 4096",
                "synchronous = FULL",  # acknowledged means on disk
                f"cache_size = -{cache_kib}",
                "temp_store = MEMORY",
                "wal_autocheckpoint = 0",  # the writer does it
            ):
                connection.execute(f"PRAGMA {pragma}")
            if connection.execute("PRAGMA journal_mode = WAL").fetchall() != [("wal",)]:
                raise apsw.CantOpenError("there can be no write-ahead log")
        except BaseException:
            connection.close()
            raise

    def execute(self, text: str, bindings: Sequence[Binding] = ()) -> Found:
        found: Found = self.connection.execute(text, bindings)
        return found

    def lookup(
        self, table: str, columns: Sequence[str], wanted: str, keys: Sequence[Row]
    ) -> list[Any]:
        text = f"SELECT {wanted} FROM {table} WHERE {_all_of(tuple(columns))}"
        run = self.connection.execute
        return [None if (row := run(text, key).fetchone()) is None else row[0] for key in keys]

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool = False
    ) -> None:
        self.connection.executemany(_insertion(table, tuple(columns), fresh), rows)

    def delete(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self.connection.executemany(f"DELETE FROM {table} WHERE {_all_of(tuple(columns))}", rows)

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        changes = ", ".join(f"{column} = ?{at}" for at, column in enumerate(columns, 2))
        self.connection.executemany(f"UPDATE {table} SET {changes} WHERE {key} = ?1", rows)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def snapshot(self) -> AbstractContextManager[None]:
        return self.transaction(keep=False)

    def portions(self, text: str, size: int) -> Iterator[list[Row]]:
        rows = iter(self.connection.execute(text))
        while portion := list(islice(rows, size)):
            yield portion

    def unsound(self) -> list[str]:
        try:
            said = [
                text for (text,) in self.connection.execute(f"PRAGMA integrity_check({FAULTS})")
            ]
        except apsw.CorruptError as error:
            return [str(error)]
        return [] if said == ["ok"] else said

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """Everything inside or nothing; part of a transaction that is under way already."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # SQLite itself rolls back when the disk is full
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT" if keep else "ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def refresh(self, commits: int) -> None:
        """See the record as it is after this many commits, and go on seeing that: a snapshot
        that lasts spares every read its locks."""
        if self.connection.in_transaction:
            if commits == self._commits:
                return
            self.connection.execute("COMMIT")
        self.connection.execute("BEGIN")
        self._commits = commits

    def release(self) -> None:
        """Give up the snapshot, which would keep the log of the database from being emptied."""
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def close(self, *, keep_log: bool = False) -> None:
        """`keep_log`: it is not brought into the database file, as the last to close does."""
        if keep_log:
            self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self.connection.close()


def told(error: BaseException) -> BaseException:
    """A failure of the disk, as clients are told of it: they may come again."""
    if isinstance(error, _CANNOT_KEEP):
        key = "store.in-doubt" if not_synced(error) else "store.cannot-keep"
        refused = Refused(Issue("transient", key))
        refused.__cause__ = error
        return refused
    return error


def not_synced(error: BaseException) -> bool:
    """Whether the disk did not confirm what was written (see lane.py)."""
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _NOT_SYNCED


@lru_cache(100)
def _all_of(columns: tuple[str, ...]) -> str:
    return " AND ".join(f"{column} = ?" for column in columns)


@lru_cache(100)
def _insertion(table: str, columns: tuple[str, ...], fresh: bool) -> str:
    word = "INSERT" if fresh else "INSERT OR IGNORE"
    marks = ", ".join("?" * len(columns))
    return f"{word} INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _id_text(*stored: Any) -> str:
    return unpack_id(stored[0])
