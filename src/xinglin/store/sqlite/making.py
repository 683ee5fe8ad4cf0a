"""A record that is filled from elsewhere: beside its place, which it takes when it is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.relational.database import Row
from xinglin.store.relational.restoring import Fill
from xinglin.store.relational.tables import Table
from xinglin.store.sqlite.database import Sqlite, told
from xinglin.store.sqlite.lock import NAME, FolderLock
from xinglin.store.sqlite.schema import prepare
from xinglin.store.sqlite.store import FILE
from xinglin.store.whole import PART, whole

_CACHE_KIB = 64 << 10
_PRAGMAS = (
    "journal_mode = DELETE",  # only from this it goes on to the next
    "journal_mode = OFF",  # whatever happens, the file is complete or thrown away
    "synchronous = OFF",
    "temp_store = FILE",  # to sort an index may take more than there is memory
)
_INDEXES = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"


@contextmanager
def new_record(folder: Path) -> Iterator[Fill]:
    """Takes its place when the block ends well; else the folder is left as it was.

    Raises:
        Refused: there is a record in the folder, or the disk is full.
        FolderInUse: another process has the folder.
    """
    file = folder / FILE
    ours = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        # Also the log of a record that is gone: it would be taken for that of the new one.
        if any(not each.name.endswith(PART) for each in folder.glob(f"{file.name}*")):
            given: dict[str, str | int] = {"place": str(folder)}
            raise Refused(Issue("conflict", "store.record-there", given=given))
        yield from _made(file)
    except BaseException:
        if ours:
            (folder / NAME).unlink()
        raise
    finally:
        lock.release()
        if ours and not any(folder.iterdir()):
            folder.rmdir()


def _made(file: Path) -> Iterator[Fill]:
    part = file.with_name(file.name + PART)
    part.unlink(missing_ok=True)  # of somebody who was killed
    try:
        with whole(file, part):
            database = Sqlite(str(part), cache_kib=_CACHE_KIB)
            try:
                yield from _filled(database)
            finally:
                database.close()
    except apsw.Error as error:
        raise told(error)  # noqa: B904  (it may be the same one)


def _filled(database: Sqlite) -> Iterator[Fill]:
    def fill(table: Table, rows: Sequence[Row]) -> None:
        database.insert(table.name, tuple(table.columns), rows, fresh=True)

    for pragma in _PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    prepare(database)
    indexes = database.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    with database.transaction():
        database.execute("DELETE FROM lane")
        yield fill
        for _, statement in indexes:  # made at once of all rows, they are made faster
            database.execute(statement)
