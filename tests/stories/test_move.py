"""`xinglin move`: a record at another place is the same record, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import httpx
import pytest

from tests.kit.postgres import a_database
from tests.kit.record import Clock, Json, Record, resource
from tests.kit.server import FHIR, running_server
from xinglin.cli import main
from xinglin.fhir.outcome import Refused
from xinglin.fhir.search import grammar
from xinglin.fhir.search.tree import Compartment, Query
from xinglin.store.face import UNRESTRICTED, Transaction
from xinglin.store.places import open_database, open_store
from xinglin.store.relational.database import Unusable
from xinglin.store.relational.moving import Moved, move
from xinglin.store.relational.reindexing import TO_COME, set_stage
from xinglin.store.relational.work import Work
from xinglin.store.sqlite import SchemaMismatch

Place = Path | str
Places = Callable[[], AbstractContextManager[Place]]


@contextmanager
def a_folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def a_postgres() -> Iterator[str]:
    with a_database() as url:
        yield url


PAIRS: Sequence[tuple[Places, Places]] = (
    (a_folder, a_folder),
    (a_folder, a_postgres),
    (a_postgres, a_folder),
)
each_pair = pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda pair: "-".join(p.__name__ for p in pair)
)

KIND = {
    "resourceType": "SearchParameter",
    "url": "http://example.org/note",
    "name": "note",
    "status": "active",
    "description": "The text of a note.",
    "code": "note",
    "base": ["Observation"],
    "type": "string",
    "expression": "Observation.note.text",
}


@contextmanager
def opened(place: Place) -> Iterator[Record]:
    clock = Clock()
    store = open_store(place, clock=clock)
    try:
        yield Record(store, clock)
    finally:
        store.close()


def observation(id: str, patient: str, value: float, note: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "pulse"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2020-01-{1 + int(value) % 28:02}",
        "valueQuantity": {"value": value, "unit": "/min"},
        "note": [{"text": note}],
    }


def live_on(record: Record, works: int) -> None:
    """Patients and their observations come, change, go to others, are deleted, come back."""
    chance = random.Random(record.end() + works)  # noqa: S311
    patients = [f"p{n}" for n in range(6)]

    def work(transaction: Transaction) -> None:
        for _ in range(chance.randint(1, 8)):
            id, patient = f"o{chance.randrange(40)}", chance.choice(patients)
            if chance.random() < 0.2:
                transaction.delete("Observation", id)
                continue
            each = observation(id, patient, chance.randrange(60, 90), chance.choice("abc"))
            transaction.put(resource(each), id, "PUT")

    for n in range(works):
        if n % 7 == 0:
            id = chance.choice(patients)
            gender = chance.choice(("male", "female", "other"))
            record.put(
                {"resourceType": "Patient", "id": id, "gender": gender, "name": [{"family": id}]}
            )
        record.commit(work)
        record.commit(partial(advance, n))


def advance(n: int, transaction: Transaction) -> None:
    transaction.advance(f"reader{n % 3}", n)


def bring_into_force(record: Record, definitions: Sequence[Json]) -> None:
    async def reindex() -> None:
        async for _ in record.store.reindex([json.dumps(each).encode() for each in definitions]):
            pass

    asyncio.run(reindex())


def moved(source: Place, target: Place) -> Moved:
    async def work() -> Moved:
        with open_database(source) as database:
            store = open_store(target, clock=Clock())
            try:
                return await move(database, store, lambda done, of: None)
            finally:
                store.close()

    return asyncio.run(work())


SEARCHES = (
    *("Patient?gender=male", "Observation?code=8867-4", "Observation?patient=Patient/p1"),
    *("Observation?value-quantity=gt70", "Observation?patient.name=p2", "Patient?_count=1000"),
    *("Patient?_has:Observation:patient:value-quantity=lt65", "Observation?date=ge2020-01-15"),
    *("Observation?_sort=-date&_count=1000", "Observation?code:text=pulse&_sort=_lastUpdated"),
)


def seen(record: Record) -> Json:
    """Everything that can be seen of a record."""
    feed = record.feed(0, 100_000)
    times = sorted({version.t for version in feed})
    moments = [t // 1000 for t in times[:: max(1, len(times) // 5)]]
    return {
        "feed": list(feed),
        "histories": [record.versions(f"Observation/o{n}") for n in range(40)],
        "found": {text: sorted(record.found(text)) for text in SEARCHES},
        "notes": by_note(record),
        "counts": record.search("Observation?_summary=count").total,
        "as they were": [
            [(v.type, v.id, v.version) for v in compartment(record, f"p{n}", at)]
            for n in range(6)
            for at in moments
        ],
        "cursors": [record.cursor(f"reader{n}") for n in range(3)],
        "parameters": record.store.registry.find("Observation", "note") is not None,
    }


def by_note(record: Record) -> list[str]:
    """By a search parameter of the record's own, once it is in force."""
    registry = record.store.registry
    if registry.find("Observation", "note") is None:
        return []
    pairs = [("note", "a"), ("_count", "1000")]
    asked = grammar.parse(registry, ("Observation",), pairs, strict=True, base="", now_ms=0)
    return sorted(version.id for version in record.page(UNRESTRICTED, asked.query).hits)


def compartment(record: Record, patient: str, at: int) -> Any:
    asked = Query(("Observation", "Patient"), Compartment("Patient", patient), count=1000, at=at)
    return record.page(UNRESTRICTED, asked).hits


def xinglin(*words: Place) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


# The same record


@each_pair
def test_a_record_that_was_moved_is_the_same(pair: tuple[Places, Places]) -> None:
    with pair[0]() as source, pair[1]() as target:
        with opened(source) as record:
            live_on(record, 20)
            bring_into_force(record, [KIND])
            live_on(record, 20)
            before = seen(record)
        assert before["parameters"]
        assert before["notes"]
        first = moved(source, target)
        assert (first.copied, first.different) == (len(before["feed"]), None)
        assert sum(first.versions.values()) == first.copied
        with opened(source) as record:
            assert seen(record) == before
            written = record.put(observation("new", "p1", 61, "a"))
        with opened(target) as record:
            assert seen(record) == before
            assert record.put(observation("new", "p1", 61, "a")).seq == written.seq
            assert "Observation/new" in record.found("Observation?patient=Patient/p1")


@each_pair
def test_moved_again_it_catches_up(pair: tuple[Places, Places]) -> None:
    with pair[0]() as source, pair[1]() as target:
        with opened(source) as record:
            live_on(record, 6)
        first = moved(source, target)
        assert moved(source, target).copied == 0
        with opened(source) as record:
            live_on(record, 6)
            bring_into_force(record, [KIND])
            after = seen(record)
        second = moved(source, target)
        assert (first.copied + second.copied, second.different) == (len(after["feed"]), None)
        with opened(target) as record:
            assert seen(record) == after


def test_an_empty_record_can_be_moved() -> None:
    with a_folder() as source, a_folder() as target:
        with opened(source):
            pass
        assert moved(source, target) == Moved(0, {}, {}, None)


# What happens on the way


@each_pair
def test_killed_in_the_middle_the_same_command_goes_on(pair: tuple[Places, Places]) -> None:
    with pair[0]() as source, pair[1]() as target:
        with opened(source) as record:
            for start in range(0, 6000, 500):
                some = range(start, start + 500)
                record.put(*(observation(f"n{n}", f"p{n % 6}", 60 + n % 30, "a") for n in some))
            end = record.end()
        command = [sys.executable, "-m", "xinglin.cli", "move", str(source), str(target)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while not reached(target):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = reached(target)
        assert 0 < there < end
        again = moved(source, target)
        assert (again.copied, again.different) == (end - there, None)
        with opened(target) as record:
            assert record.search("Observation?_summary=count").total == 6000
            found = record.search("Observation?patient=Patient/p3&_summary=count")
            assert found.total == 1000


def reached(place: Place) -> int:
    """How many versions are there, as another process sees them."""
    try:
        with open_database(place) as database:
            [(end,)] = database.execute("SELECT coalesce(max(seq), 0) FROM ver")
            return int(end)
    except (FileNotFoundError, SchemaMismatch, apsw.SQLError, Unusable):
        return 0  # the tables are just being made


def test_a_record_is_moved_while_it_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    with (
        running_server(source) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR) as fhir,
    ):
        for n in range(30):
            fhir.put(f"Patient/{n}", json={"resourceType": "Patient", "id": str(n)})
            if n % 10 == 0:
                assert xinglin("move", source, target, "--json") == 0
        assert xinglin("move", target, source) == 3, "a served record is no target"
    assert xinglin("move", source, target, "--json") == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["resources"] == {"Patient": 30}
    assert last["equal"]
    with opened(source) as here, opened(target) as there:
        assert here.feed(0, 100) == there.feed(0, 100)


# What cannot be moved


def test_what_is_not_a_beginning_of_the_source_is_no_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, more = tmp_path / "a", tmp_path / "b", tmp_path / "more"
    for place, count in ((a, 3), (b, 3), (more, 5)):
        with opened(place) as record:
            record.clock.now += count * 1_000_000 if place != b else 0
            live_on(record, count)
    before = seen_of(b)
    assert xinglin("move", a, b) == 1
    assert "Patient/" in capsys.readouterr().err
    assert seen_of(b) == before
    assert xinglin("move", a, tmp_path / "copy") == 0
    with opened(tmp_path / "copy") as record:
        live_on(record, 1)
    assert xinglin("move", a, tmp_path / "copy") == 1, "it was used meanwhile"


def seen_of(place: Place) -> Json:
    with opened(place) as record:
        return seen(record)


def test_a_source_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("move", tmp_path / "nothing", tmp_path / "b") == 3
    assert "nothing" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert xinglin("move", tmp_path, tmp_path) == 2
    (tmp_path / "file").write_text("x")
    with opened(tmp_path / "a"):
        pass
    assert xinglin("move", tmp_path / "a", tmp_path / "file") == 3


def test_a_password_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path):
        pass
    url = "postgresql://somebody:sesame@127.0.0.1:1/record"
    assert xinglin("move", tmp_path, url) == 3
    assert xinglin("move", url, tmp_path) == 3
    said = capsys.readouterr()
    assert "sesame" not in said.out + said.err
    assert "somebody@127.0.0.1" in said.err


def test_while_other_parameters_come_into_force_nothing_is_moved(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        live_on(record, 3)

        def begin(transaction: Transaction) -> None:
            assert isinstance(transaction, Work)
            set_stage(transaction.database, TO_COME, [json.dumps(KIND).encode()])

        record.commit(begin)
    with pytest.raises(Refused, match=r"store\.move-while-reindexing"):
        moved(tmp_path / "a", tmp_path / "b")


def another(body: bytes) -> bytes:
    assert b'"male"' in body, "it is short: hardly compressed"
    return body.replace(b'"male"', b'"fema"')


def cut(body: bytes) -> bytes:
    return body[:-3]


@pytest.mark.parametrize("alter", [another, cut, lambda body: b""])
def test_a_version_that_was_altered_on_disk_is_named_and_not_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alter: Callable[[bytes], bytes]
) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    with opened(source) as record:
        record.put({"resourceType": "Patient", "id": "du", "gender": "male"})
        record.put({"resourceType": "Patient", "id": "li", "gender": "male"})
    connection = apsw.Connection(str(source / "record.sqlite"))
    [(body,)] = connection.execute("SELECT body FROM ver WHERE seq = 2")
    connection.execute("UPDATE ver SET body = ? WHERE seq = 2", (alter(body),))
    assert xinglin("move", source, target) == 1
    assert "Patient/li/_history/1" in capsys.readouterr().err
    connection.execute("UPDATE ver SET body = ? WHERE seq = 2", (body,))
    connection.close()
    assert xinglin("move", source, target) == 0


def test_a_version_that_was_altered_in_the_target_is_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    with opened(source) as record:
        record.put({"resourceType": "Patient", "id": "du", "gender": "male"})
        record.put({"resourceType": "Patient", "id": "li", "gender": "male"})
    assert xinglin("move", source, target) == 0
    with apsw.Connection(str(target / "record.sqlite")) as connection:
        [(body,)] = connection.execute("SELECT body FROM ver WHERE seq = 2")
        connection.execute("UPDATE ver SET body = ? WHERE seq = 2", (another(body),))
    assert xinglin("move", source, target) == 1
    assert "Patient/li/_history/1" in capsys.readouterr().err
    with apsw.Connection(str(target / "record.sqlite")) as connection:
        connection.execute("UPDATE ver SET body = ? WHERE seq = 2", (body,))
    assert xinglin("move", source, target) == 0
    with apsw.Connection(str(target / "record.sqlite")) as connection:
        connection.execute("UPDATE res SET live = 0 WHERE seq = 2")
    capsys.readouterr()
    assert xinglin("move", source, target) == 1
    assert "Patient" in capsys.readouterr().err


def test_of_two_moves_at_once_one_gives_way(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        live_on(record, 200)

    async def work() -> list[Moved | BaseException]:
        with open_database(tmp_path / "a") as one, open_database(tmp_path / "a") as other:
            store = open_store(tmp_path / "b", clock=Clock())
            try:
                return await asyncio.gather(
                    *(move(each, store, lambda done, of: None) for each in (one, other)),
                    return_exceptions=True,
                )
            finally:
                store.close()

    ends = asyncio.run(work())
    refused = [end for end in ends if isinstance(end, Refused)]
    assert [each.issues[0].key for each in refused] == ["store.move-target-busy"]
    assert moved(tmp_path / "a", tmp_path / "b").different is None
