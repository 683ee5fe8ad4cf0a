"""The record in a folder on disk: opened again, opened twice, of another edition, and full."""

from __future__ import annotations

import random
import resource as limits
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.kit.record import (
    Clock,
    Engine,
    Json,
    Record,
    content,
    each_engine,
    each_lasting_engine,
    resource,
)
from tests.kit.record import a_record as in_a_record
from xinglin.fhir.outcome import Refused
from xinglin.store.face import Transaction
from xinglin.store.relational.database import Unreachable
from xinglin.store.sqlite import FolderInUse, SchemaMismatch, open_store

DU = {"resourceType": "Patient", "id": "du", "name": [{"family": "Du"}]}


@contextmanager
def opened(folder: Path, clock: Clock | None = None) -> Iterator[Record]:
    clock = clock or Clock()
    record = Record(open_store(folder, clock=clock), clock)
    try:
        yield record
    finally:
        record.store.close()


def observation(id: str, code: str, text: str = "x") -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": text},
        "subject": {"reference": "Patient/du"},
    }


# Opened again


@each_lasting_engine
def test_opened_again_the_record_is_the_same(engine: Engine) -> None:
    with engine() as open_here:
        clock = Clock()
        record = Record(open_here(clock), clock)
        record.put(DU, observation("a", "1"), observation("b", "2"))
        record.put(observation("a", "3"))
        record.delete("Observation", "b")
        record.commit(lambda t: t.advance("reader", 3))
        before = (list(record.feed(0, 100)), record.history().versions, record.end())
        record.store.close()

        record = Record(open_here(clock), clock)
        after = (list(record.feed(0, 100)), record.history().versions, record.end())
        assert after == before
        assert record.cursor("reader") == 3
        assert record.found("Observation?code=3") == ["Observation/a"]
        assert record.found("Observation?code=1,2") == []
        assert record.found("Observation?patient.name=du") == ["Observation/a"]
        assert record.put(observation("c", "1")).seq == before[2] + 1
        assert record.found("Observation?code=1") == ["Observation/c"]
        record.store.close()


@each_lasting_engine
def test_opened_again_with_the_clock_set_back_time_goes_on(engine: Engine) -> None:
    with engine() as open_here:
        record = Record(open_here(Clock()), Clock())
        last = record.put(DU).t
        record.store.close()
        early = Clock()
        early.now -= 86_400_000_000
        record = Record(open_here(early), early)
        assert record.put(DU | {"gender": "male"}).t > last
        record.store.close()


# The text of many


@each_lasting_engine
def test_every_text_comes_back_byte_for_byte_whatever_the_store_learned_meanwhile(
    engine: Engine,
) -> None:
    """More than a thousand of one type, some alike, some of noise, in commits of any size."""
    chance = random.Random(7)  # noqa: S311  (no secret: sizes and noise)
    noise = '糖血压αβγ%_\\"\n0123456789abcdefghijklmnopqrstuvwxyz'

    def text(n: int) -> str:
        if n % 3:
            return f"pulse number {n} of a patient at rest"
        return "".join(chance.choices(noise, k=chance.choice((1, 40, 3000))))

    written = [observation(f"o{n}", str(n % 7), text(n)) for n in range(1300)]
    with engine() as open_here:
        record = Record(open_here(Clock()), Clock())
        start = 0
        while start < len(written):
            size = chance.choice((1, 5, 31, 32, 33, 200))
            record.put(*written[start : start + size])
            start += size
        for each in written[::2]:
            record.put(each | {"status": "amended"})
        for _ in range(2):
            for at, each in enumerate(written):
                first = record.read(f"Observation/{each['id']}", version=1)
                assert content(first) == each
                assert first is not None
                assert first.body == resource(each).body
                latest = record.read(f"Observation/{each['id']}")
                assert content(latest)["status"] == ("final" if at % 2 else "amended")
            record.store.close()
            record = Record(open_here(Clock()), Clock())
        record.store.close()


@each_engine
def test_a_text_with_large_attachments_comes_back(engine: Engine) -> None:
    data = ["", "QQ==", "QUJD" * 50_000, "Zm9v\\u002b", "/+==", "not quite base64", "QUJ"]
    documents = [
        {
            "resourceType": "DocumentReference",
            "id": f"d{n}",
            "status": "current",
            "description": each,
            "content": [{"attachment": {"data": each}} for each in data[2:3] * (n + 1)],
        }
        for n, each in enumerate(data)
        if each
    ]
    with in_a_record(engine) as record:
        record.put(*documents)
        for each in documents:
            found = record.read(f"DocumentReference/{each['id']}")
            assert content(found) == each
            assert found is not None
            assert found.body == resource(each).body


# One folder, one process, one edition


def test_a_folder_is_of_one_store_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with pytest.raises(FolderInUse):
            open_store(tmp_path, clock=Clock())
        record.put(DU)
    with opened(tmp_path) as record:
        assert record.read("Patient/du") is not None


def test_who_has_the_folder_can_be_asked(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(FolderInUse) as refused:
            open_store(tmp_path, clock=Clock())
        assert refused.value.address is None
    store = open_store(tmp_path, clock=Clock())
    store.announce("http://127.0.0.1:8080")
    with pytest.raises(FolderInUse) as refused:
        open_store(tmp_path, clock=Clock())
    store.close()
    assert refused.value.address == "http://127.0.0.1:8080"


def test_a_folder_of_another_edition_is_refused_and_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        record.put(DU)
    connection = apsw.Connection(str(tmp_path / "record.sqlite"))
    [(edition,)] = connection.execute("PRAGMA user_version")
    connection.execute(f"PRAGMA user_version = {edition + 1}")
    for _ in range(2):  # and the folder is free again
        with pytest.raises(SchemaMismatch):
            open_store(tmp_path, clock=Clock())
    connection.execute(f"PRAGMA user_version = {edition}")
    connection.close()
    with opened(tmp_path) as record:
        assert record.found("Patient") == ["Patient/du"]


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite").write_bytes(b"something else" * 1000)
    for _ in range(2):
        with pytest.raises(Unreachable, match="not a database"):
            open_store(tmp_path, clock=Clock())
    assert (tmp_path / "record.sqlite").read_bytes() == b"something else" * 1000


def test_a_folder_is_made_when_it_is_missing(tmp_path: Path) -> None:
    with opened(tmp_path / "a" / "b") as record:
        record.put(DU)
    assert (tmp_path / "a" / "b" / "record.sqlite").exists()


# A disk that fails


@contextmanager
def no_space(folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the log of the store already is: every write
    of a commit fails, as it does on a full disk."""
    soft, hard = limits.getrlimit(limits.RLIMIT_FSIZE)
    log = folder / "record.sqlite-wal"
    limits.setrlimit(limits.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        yield
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))


def put(each: Json) -> Any:
    return lambda transaction: transaction.put(resource(each), each["id"], "PUT")[0]


@pytest.mark.parametrize("size", [10, 100_000])  # fails at the end, or in the midst of a work
def test_a_full_disk_is_told_to_every_work_and_nothing_acknowledged_is_lost(
    tmp_path: Path, size: int
) -> None:
    def large(id: str) -> Json:
        noise = random.Random(id)  # noqa: S311
        return observation(id, "1", noise.randbytes(size // 2).hex())

    with opened(tmp_path) as record:
        kept = [record.put(DU), record.put(observation("kept", "1"))]
        with no_space(tmp_path):
            for _ in range(2):
                works = [put(each) for n in range(300) for each in [large(f"lost{n}")]][:20]
                answers = record.together(*works)
                assert {each.issues[0].key for each in answers} == {"store.cannot-keep"}
                assert list(record.feed(0, 100)) == kept
                assert record.found("Observation") == ["Observation/kept"]
        after = record.together(*(put(large(f"new{n}")) for n in range(3)))
        assert [each.seq for each in after] == [3, 4, 5]
        assert len(record.found("Observation?code=1")) == 4
        assert record.search("Observation?_summary=count").total == 4
        everything = list(record.feed(0, 100))
    with opened(tmp_path) as record:
        assert list(record.feed(0, 100)) == everything == [*kept, *after]


def test_reading_goes_on_while_the_disk_is_full(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        record.put(DU)
        with no_space(tmp_path):
            with pytest.raises(Refused, match=r"store\.cannot-keep"):
                record.put(observation("x", "1"))
            assert record.found("Patient?name=du") == ["Patient/du"]

            def look(transaction: Transaction) -> bool:
                return transaction.delete("Patient", "nobody") is None

            assert record.commit(look), "a work that writes nothing needs no space"
