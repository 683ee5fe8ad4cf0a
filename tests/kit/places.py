"""Where records lie: a folder, a database; each empty at first, and gone after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.kit.postgres import a_database
from tests.kit.record import Clock, Record
from xinglin.store.places import open_database, open_store
from xinglin.store.relational.tables import TABLES

Lasting = Callable[[], AbstractContextManager[Path | str]]
Content = dict[str, list[tuple[Any, ...]]]


@contextmanager
def a_folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "record"


PLACES: Sequence[Lasting] = (a_folder, a_database)

each_place = pytest.mark.parametrize("a_place", PLACES)


@contextmanager
def opened(place: Path | str, clock: Clock | None = None) -> Iterator[Record]:
    clock = clock or Clock()
    record = Record(open_store(place, clock=clock), clock)
    try:
        yield record
    finally:
        record.store.close()


def everything(place: Path | str) -> Content:
    """All rows of all tables."""
    found = {}
    with open_database(place) as database, database.snapshot():
        for table in TABLES:
            rows = database.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608
            found[table.name] = sorted(map(tuple, rows), key=repr)
    return found
