"""A record from a backup, in either engine: all of it, or nothing that looks like a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import IO

from xinglin.store.relational.backup import BackupReader, Contents, Watch, ahead, unwatched
from xinglin.store.relational.database import Row
from xinglin.store.relational.tables import Table

# Adds rows to a table of a record that is being made. They come in the order of the table.
Fill = Callable[[Table, Sequence[Row]], None]


def restore(
    file: IO[bytes], into: AbstractContextManager[Fill], watch: Watch = unwatched
) -> Contents:
    """
    Args:
        into: a new record, of which nothing is there unless its block ends well.

    Raises:
        Refused: the file is no backup, damaged, or of another edition; or there is a record.
    """
    reader = BackupReader(file)
    with into as fill:
        for table, rows in ahead(reader.portions()):
            fill(table, rows)
            watch(len(rows))
    return reader.contents
