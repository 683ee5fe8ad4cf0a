"""Backups of any record, between any two engines, and files that were damaged in any way."""

from __future__ import annotations

import io
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.places import PLACES, Lasting, everything, opened
from tests.kit.record import Record, resource
from tests.properties.store.population import IDS, deletions, resources
from xinglin.fhir.outcome import Refused
from xinglin.store import backups
from xinglin.store.face import Transaction
from xinglin.store.places import open_database
from xinglin.store.relational.tables import TABLES

works = st.lists(st.lists(st.one_of(resources, deletions), max_size=5), min_size=1, max_size=8)
cursors = st.dictionaries(st.sampled_from(["a", "b", "杏林"]), st.integers(0, 9))
pairs = pytest.mark.parametrize(("of", "into"), [(of, into) for of in PLACES for into in PLACES])


def write(record: Record, steps: list[Any]) -> None:
    def work(transaction: Transaction) -> None:
        for step in steps:
            if isinstance(step, dict):
                transaction.put(resource(step), step["id"], "PUT")
            else:
                transaction.delete(*step)

    record.commit(work)


def advance(name: str, seq: int, transaction: Transaction) -> None:
    transaction.advance(name, seq)


def backup(place: Path | str) -> io.BytesIO:
    out = io.BytesIO()
    backups.pour(place, out, made=1)
    out.seek(0)
    return out


@pairs
@settings(max_examples=5)
@given(works=works, more=works, cursors=cursors)
def test_what_is_restored_is_what_there_was_and_goes_on_like_it(
    of: Lasting, into: Lasting, works: list[Any], more: list[Any], cursors: dict[str, int]
) -> None:
    with of() as source, into() as target:
        with opened(source) as original:
            for steps in works:
                write(original, steps)
            for name, seq in cursors.items():
                original.commit(partial(advance, name, seq))
        backups.restore(backup(source), target)
        assert everything(target) == everything(source)
        with opened(source) as original, opened(target) as copy:
            for steps in more:
                write(original, steps)
                write(copy, steps)
            assert copy.feed(0, 1000) == original.feed(0, 1000)
            for id in IDS:
                assert copy.versions(f"Patient/{id}") == original.versions(f"Patient/{id}")
            assert [copy.cursor(name) for name in cursors] == list(cursors.values())
        assert everything(target) == everything(source)


@pytest.mark.parametrize("a_place", PLACES)
def test_a_backup_has_all_tables_and_columns_of_the_engine(a_place: Lasting) -> None:
    found: dict[str, set[str]] = {}
    with a_place() as place:
        with opened(place):
            pass
        with open_database(place) as database:
            for table, column in database.execute(COLUMNS[isinstance(place, str)]):
                found.setdefault(table, set()).add(column)
    # What PostgreSQL needs to manage itself.
    found.pop("schema_version", None)
    found["lane"].discard("single")
    assert found == {table.name: set(table.columns) for table in TABLES}


COLUMNS = (
    "SELECT t.name, c.name FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c"
    " WHERE t.type = 'table'",
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'xinglin'",
)


@cache
def whole() -> bytes:
    with TemporaryDirectory() as folder:
        with opened(Path(folder)) as record:
            for number in range(300):
                record.put({"resourceType": "Patient", "id": f"p{number}", "active": True})
        return backup(Path(folder)).getvalue()


def refused(damaged: bytes) -> str:
    """The key of what is said, and that nothing is left."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "record"
        with pytest.raises(Refused) as said:
            backups.restore(io.BytesIO(damaged), place)
        assert not place.exists()
    return said.value.issues[0].key


DAMAGE = {"store.backup-damaged", "store.no-backup", "store.backup-newer"}


def test_the_file_that_is_damaged_below_is_good() -> None:
    assert backups.check(io.BytesIO(whole())).rows["ver"] == 300


@given(st.data())
def test_a_backup_that_ends_too_early_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(whole()) - 1))
    assert refused(whole()[:size]) in DAMAGE


@given(st.data())
def test_a_backup_in_which_a_byte_differs_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole()) - 1))
    change = data.draw(st.integers(1, 255))
    damaged = bytearray(whole())
    damaged[at] ^= change
    assert refused(bytes(damaged)) in DAMAGE


@given(st.data())
def test_a_backup_of_which_a_part_is_missing_or_twice_there_is_refused(
    data: st.DataObject,
) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole()))] * 2)))
    if start == end:
        return
    assert refused(whole()[:start] + whole()[end:]) in DAMAGE
    assert refused(whole()[:end] + whole()[start:]) in DAMAGE


@given(st.binary())
def test_any_other_file_is_refused(content: bytes) -> None:
    assert refused(content) == "store.no-backup"
