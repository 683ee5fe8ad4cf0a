"""One connection to PostgreSQL, as the shared part of the record asks for it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from psycopg.adapt import Transformer
from psycopg.errors import Diagnostic, InFailedSqlTransaction
from psycopg.pq.abc import PGresult

from xinglin.store.postgres import statements
from xinglin.store.postgres.connecting import Role, connect
from xinglin.store.postgres.conversation import Bound, Conversation
from xinglin.store.postgres.wire import bound, copied
from xinglin.store.postgres.wording import worded
from xinglin.store.relational.database import Row, Unreachable
from xinglin.store.relational.sql import Binding

COPY_ROWS = 2_000  # from which on COPY is quicker than INSERT, by a sixth at 10,000

_MADE = "JOIN (SELECT"
# For who reads tables to their end, which others must not (see `connecting.py`).
_FOR_ALL = """SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
              SET LOCAL cursor_tuple_fraction = 1; SET LOCAL work_mem = '64MB'"""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Rows:
    """What a statement gave."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def fetchone(self) -> Row | None:
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        return list(self._rows)


class Postgres:
    """The Database of the shared part. After `Unreachable` it is of no use but to be closed."""

    def __init__(self, url: str, *, role: Role) -> None:
        """Raises: as `connect`."""
        self._connection = connect(url, role)
        self._connection.add_notice_handler(self._noticed)
        self._talk = Conversation(self._connection.pgconn)
        self._line = socket.socket(fileno=os.dup(self._connection.pgconn.socket))
        self._lock = threading.Lock()
        self._reading = Transformer(self._connection)
        self._types: dict[tuple[str, statements.Columns], statements.Types] = {}
        self._warnings: list[str] = []
        self._together = False

    def execute(self, text: str, bindings: Sequence[Binding] = ()) -> Rows:
        if text in ("COMMIT", "ROLLBACK"):
            self._end(text)
            return Rows([])
        if text.startswith("BEGIN"):
            self._talk.begin = text
            return Rows([])
        ask = self._talk.ask_hashing if _MADE in text else self._talk.ask
        return self._rows(ask(worded(text), [bound(value) for value in bindings]))

    def lookup(
        self, table: str, columns: Sequence[str], wanted: str, keys: Sequence[Row]
    ) -> list[Any]:
        if not keys:
            return []
        names, types = self._described(table, columns)
        text = statements.lookup(table, names, wanted, types)
        found = self._rows(self._talk.ask(text, statements.arrays(types, keys)))
        return [value for (value,) in found]

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool = False
    ) -> None:
        if not rows:
            return
        names, types = self._described(table, columns)
        if fresh and len(rows) >= COPY_ROWS:
            text = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
            self._talk.copy(text, copied(types, rows))
            if not self._together:
                self._talk.settle()
        else:
            text = statements.insert(table, names, types, fresh)
            self._tell(text, statements.arrays(types, rows))

    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows to a table that this transaction made: nobody will have to look again
        whether all may see them, as VACUUM otherwise does."""
        names, types = self._described(table, columns)
        text = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY, FREEZE)"
        self._talk.copy(text, copied(types, rows))
        self._talk.settle()

    def delete(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if rows:
            names, types = self._described(table, columns)
            self._tell(statements.delete(table, names, types), statements.arrays(types, rows))

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Of several rows with one key the last counts."""
        if rows:
            names, types = self._described(table, (key, *columns))
            last = list({row[0]: row for row in rows}.values())
            self._tell(statements.update(table, names, types), statements.arrays(types, last))

    def matching(self, text: str, types: statements.Types, keys: Sequence[Row]) -> list[Row]:
        """The answer to a statement of PostgreSQL's own whose values are arrays, `$1`, `$2` …:
        the columns of the keys."""
        return self._rows(self._talk.ask(text, statements.arrays(types, keys))).fetchall()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, `insert`, `delete` and `update` do not wait for their answers: these are
        taken in, and perhaps raised, with that of the next `execute`, or at the end."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._talk.settle()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        if self.in_transaction:
            yield
            return
        self._talk.begin = _SNAPSHOT
        try:
            yield
        finally:
            self._talk.end_snapshot()

    def portions(self, text: str, size: int) -> Iterator[list[Row]]:
        assert self.in_transaction
        self.execute(f"{_FOR_ALL}; DECLARE portions BINARY NO SCROLL CURSOR FOR {text}")
        while portion := self.execute(f"FETCH {size} FROM portions").fetchall():
            yield portion
        self.execute("CLOSE portions")

    def unsound(self) -> list[str]:
        """Nothing: its checksums are compared whenever a page is read."""
        return []

    @property
    def in_transaction(self) -> bool:
        return self._talk.in_transaction

    def break_off(self) -> None:
        """From any thread: what is asked in another ends with `Unreachable`."""
        with self._lock, suppress(OSError):  # it is closed, or broken already
            self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            self._line.close()
        self._connection.close()

    def _end(self, text: str) -> None:
        """A commit counts when the server says so without reserve: after a failed statement it
        rolls back and says that; and when it was told to wait no longer for a standby, what
        was committed may be lost with this server."""
        if self._talk.begin is not None:
            self._talk.begin = None
            return
        self._warnings.clear()
        result = self._talk.ask(text)
        if text == "COMMIT":
            if result.command_status != b"COMMIT":
                raise InFailedSqlTransaction("rolled back, because a statement in it failed")
            if self._warnings:
                raise Unreachable(self._warnings[0])

    def _noticed(self, notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    def _tell(self, text: str, values: Sequence[Bound]) -> None:
        if self._together:
            self._talk.send(text, values)
        else:
            self._talk.ask(text, values)

    def _described(
        self, table: str, columns: Sequence[str]
    ) -> tuple[statements.Columns, statements.Types]:
        """Columns with their types, which are asked for once."""
        names = tuple(columns)
        types = self._types.get((table, names))
        if types is None:
            result = self._talk.ask(f"SELECT {', '.join(names)} FROM {table} LIMIT 0")
            types = tuple(result.ftype(at) for at in range(result.nfields))
            self._types[(table, names)] = types
        return names, types

    def _rows(self, result: PGresult) -> Rows:
        if not result.ntuples:
            return Rows([])
        self._reading.set_pgresult(result)
        return Rows(self._reading.load_rows(0, result.ntuples, tuple))
