"""Where a record lies: a folder (SQLite), a database (PostgreSQL), or nowhere that lasts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import unquote

from xinglin.store.postgres import open_database as open_postgres_database
from xinglin.store.postgres import open_store as open_postgres
from xinglin.store.postgres.connecting import URL
from xinglin.store.postgres.making import new_record as new_postgres_record
from xinglin.store.relational.database import Database
from xinglin.store.relational.restoring import Fill
from xinglin.store.relational.store import RelationalStore
from xinglin.store.sqlite import open_database as open_sqlite_database
from xinglin.store.sqlite import open_store as open_sqlite
from xinglin.store.sqlite.making import new_record as new_sqlite_record

# The account ends as libpq sees it (PostgreSQL 15, 34.1.1.2).
_SHOWN = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)((?P<user>[^:@/?]*)(:[^@/]*)?(?=@))?(?P<where>@?[^@?]*)"
    r"(\?(?P<asked>.*))?",
    re.DOTALL,
)

Place = Path | str | None  # a folder, the URL of a database, or a record that is gone when closed


def place(text: str) -> Path | str:
    """What somebody wrote: the URL of a database, or else a folder."""
    return text if text.startswith(URL) else Path(text)


def shown(place: Place) -> str:
    """As it may be shown: without a password, wherever it stands.

    >>> shown("postgresql://du:secret@a,b/record?password=secret&target_session_attrs=read-write")
    'postgresql://du@a,b/record?target_session_attrs=read-write'
    >>> shown("postgresql://du:sec/ret@a/record")  # the slash had to be %2F
    'postgresql://…'
    """
    if isinstance(place, str):
        found = _SHOWN.fullmatch(place)
        if found is None:  # what is written wrongly may have a password anywhere
            return f"{URL[0]}…"
        asked = (found["asked"] or "").split("&")
        kept = [each for each in asked if each and "password" not in unquote(each)]
        query = f"?{'&'.join(kept)}" if kept else ""
        return f"{found['scheme']}{found['user'] or ''}{found['where']}{query}"
    return "memory" if place is None else str(place)


def open_store(place: Place, *, clock: Callable[[], int]) -> RelationalStore:
    """The record there, made when it is missing.

    Args:
        clock: microseconds since 1970-01-01T00:00Z.

    Raises:
        FolderInUse: another process has the folder open.
        SchemaMismatch: another edition wrote it.
        Unreachable: the database cannot be reached.
        Unusable: it can, and rights are missing in it, or the tables are not a record's.
        Refused: the URL is none, or the database of a kind that keeps no record.
    """
    if isinstance(place, str):
        return open_postgres(place, clock=clock)
    return open_sqlite(place, clock=clock)


@contextmanager
def open_database(place: Path | str, *, write: bool = False) -> Iterator[Database]:
    """The tables of the record there, for who looks after them. To `write` nobody else may
    have it open; to read, a server may be at work on it.

    Raises: as `open_store`; FileNotFoundError where there is no record; Unreachable where its
    file cannot be read.
    """
    opened: AbstractContextManager[Database] = (
        open_postgres_database(place, write=write)
        if isinstance(place, str)
        else open_sqlite_database(place, write=write)
    )
    with opened as database:
        yield database


def new_record(place: Path | str) -> AbstractContextManager[Fill]:
    """A record that is filled with rows; it is there when the block ends well, else nothing is.

    Raises: as `open_store`; Refused where there is a record.
    """
    if isinstance(place, str):
        return new_postgres_record(place)
    return new_sqlite_record(place)
