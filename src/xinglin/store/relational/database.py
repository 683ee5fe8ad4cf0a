"""What the shared part of the record asks of an engine: one connection, and what may go wrong.

The SQL above this line is written once, in the words that both engines speak: `?` for a value,
`CROSS JOIN … WHERE` for joins in the order in which they are written, a name for every derived
table, TRUE and FALSE for conditions. Where they differ, there is a method here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from xinglin.store.relational.sql import Binding

Row = tuple[Any, ...]


class Found(Protocol):
    """What a statement gives: rows, once."""

    def __iter__(self) -> Iterator[Row]: ...

    def fetchone(self) -> Row | None: ...

    def fetchall(self) -> list[Row]: ...


class Database(Protocol):
    """One connection, of one thread at a time. Nothing begins or ends a transaction by itself:
    `BEGIN`, `COMMIT`, `ROLLBACK`, `SAVEPOINT` are statements like others.

    Every method raises `Unreachable` and `Full`; see there."""

    def execute(self, text: str, bindings: Sequence[Binding] = ()) -> Found: ...

    def lookup(
        self, table: str, columns: Sequence[str], wanted: str, keys: Sequence[Row]
    ) -> list[Any]:
        """For each key, in their order: the column `wanted` of the row whose `columns` equal
        it, None where there is none. The columns are a unique key of the table."""
        ...

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Row], *, fresh: bool = False
    ) -> None:
        """Add rows; those whose key is there already are passed over. `fresh`: none of them
        is there, and it is an error if one is."""
        ...

    def delete(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Remove the rows whose `columns` equal one of these."""
        ...

    def update(self, table: str, key: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set `columns` of the rows whose `key` is given; each row is the key, then the values."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Inside, whoever inserts, deletes or updates need not wait until it is done; an error
        may be raised by a later call, or at the end."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """All that is read inside is of one moment, whatever is written meanwhile. Inside a
        transaction nothing is done: it is one moment already."""
        ...

    def portions(self, text: str, size: int) -> Iterator[list[Row]]:
        """What a query gives, of any length, in lists of `size` rows, of which one is held at a
        time. Inside a snapshot or a transaction only."""
        ...

    def unsound(self) -> list[str]:
        """What the engine itself finds wrong with what it keeps, in its own words."""
        ...

    @property
    def in_transaction(self) -> bool: ...

    def close(self) -> None: ...


class Unreachable(Exception):  # noqa: N818  (told as it is)
    """The connection is gone. What was under way is undone, but for a COMMIT: of that nobody
    knows until the database is asked again."""


class Busy(Exception):  # noqa: N818  (told as it is)
    """Others have the record to themselves for so long that nobody waits for them any more.
    Nothing was begun."""


class Unusable(Exception):  # noqa: N818
    """The engine answers, and what was asked is not to be had from it: rights are missing, or
    the tables are not those of a record. In its words; somebody has to look after it."""


class Full(Exception):  # noqa: N818
    """The engine cannot write at present: the disk is full or failing. The transaction is lost,
    the connection is not."""
