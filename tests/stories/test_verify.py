"""A record is read anew and compared with what it says of itself: whatever somebody changed in
its tables is found and named, and all that follows from its versions can be made again."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.places import PLACES, Content, Lasting, each_place, everything, opened
from tests.kit.record import Json, Record, resource
from tests.properties.store.population import deletions, resources
from xinglin.cli import main
from xinglin.fhir.wording import sentence
from xinglin.store.face import Transaction
from xinglin.store.places import open_database
from xinglin.store.relational.database import Database
from xinglin.store.relational.rows import COLUMNS
from xinglin.store.relational.verifying import Finding, Tally, rebuild, verify
from xinglin.store.relational.verifying.feed import read
from xinglin.store.relational.versions import unpacker

Place = Path | str
Damage = Callable[[Database], object]

FOLLOWS = ("res", "past", "type", "comp", *COLUMNS)  # tables that can be made from the versions


def findings(place: Place) -> list[Finding]:
    with open_database(place) as database:
        return list(verify(database, Tally()))


def kinds(place: Place) -> set[str]:
    found = findings(place)
    for each in found:
        for language in ("en", "zh"):
            said = sentence(each.issue, language)
            assert said != each.issue.key, "a sentence for people"
            assert each.place in said
    return {each.kind for each in found}


def repair(place: Place) -> None:
    with open_database(place, write=True) as database:
        rebuild(database, Tally())


def follows(place: Place) -> Content:
    content = everything(place)
    return {table: content[table] for table in FOLLOWS}


steps = st.lists(st.one_of(resources, resources, deletions), min_size=1, max_size=20)


@each_place
@settings(max_examples=10)
@given(steps=steps)
def test_a_busy_history_leaves_nothing_to_be_found_nor_mended(
    a_place: Lasting, steps: list[Any]
) -> None:
    def work(step: Any) -> Callable[[Transaction], object]:
        if isinstance(step, dict):
            return lambda t: t.put(resource(step), step["id"], "PUT")
        return lambda t: t.delete(*step)

    with a_place() as place:
        with opened(place) as record:
            for step in steps:
                record.commit(work(step))
        assert findings(place) == []
        before = follows(place)
        repair(place)
        assert follows(place) == before
        assert findings(place) == []


# Every kind of damage, done to the same record.

UCUM = "http://unitsofmeasure.org"


def observation(id: str, patient: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Pulse"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": "Practitioner/never-seen"}],
        "effectiveDateTime": "2024-05-01T08:00:00Z",
        "valueQuantity": {"value": 72, "system": UCUM, "code": "/min"},
        **more,
    }


def patient(id: str, **more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": id,
        "name": [{"family": "Du", "given": ["Fu"]}],
        **more,
    }


def fill(record: Record) -> None:
    record.put(patient("du"), patient("li", birthDate="1950-01-02"))
    record.put(patient("du", gender="male"))
    record.put(observation("pulse", "du"))
    record.put(observation("pulse", "li", status="amended"))  # it left the compartment of Du
    record.put(observation("pulse", "li", status="corrected"))
    period = {"start": "2024-01-01", "end": "2024-03-01"}
    long = observation("long", "du", effectivePeriod=period)
    del long["effectiveDateTime"]
    record.put(long)
    record.put(patient("gone", birthDate="1960"))
    record.delete("Patient", "gone")
    record.put(patient("back"))
    record.delete("Patient", "back")
    record.put(patient("back", active=True))
    record.put(*(observation(f"more-{n}", "du", note=[{"text": "x" * (n + 1)}]) for n in range(40)))


def _of(database: Database, name: str) -> Any:
    """rid, seq and v of a resource."""
    type, id = name.split("/")
    [row] = database.execute(
        "SELECT r.rid, r.seq, r.v FROM res r CROSS JOIN type t"
        " WHERE t.rt = r.rt AND t.name = ? AND r.id = ?",
        (type, id.encode()),
    ).fetchall()
    return row


def sql(text: str, name: str = "Observation/pulse") -> Damage:
    """A statement in which :rid, :seq and :v are those of a resource."""

    def damage(database: Database) -> None:
        done = text
        for word, number in zip((":rid", ":seq", ":v"), _of(database, name), strict=True):
            done = done.replace(word, str(number))
        database.execute(done)

    return damage


def body(seq_of: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(database: Database) -> None:
        _, seq, _ = _of(database, seq_of)
        [(packed,)] = database.execute("SELECT body FROM ver WHERE seq = ?", (seq,)).fetchall()
        database.execute("UPDATE ver SET body = ? WHERE seq = ?", (change(bytes(packed)), seq))

    return damage


def _flipped(packed: bytes) -> bytes:
    return packed[:-3] + bytes([packed[-3] ^ 1]) + packed[-2:]


def without_a_row(table: str) -> Damage:
    def damage(database: Database) -> None:
        columns = COLUMNS[table]
        row = database.execute(
            f"SELECT {', '.join(columns)} FROM {table} ORDER BY rid DESC LIMIT 1"  # noqa: S608
        ).fetchall()
        database.delete(table, columns, row)

    return damage


def with_a_row(table: str, rid: int | None = None) -> Damage:
    def damage(database: Database) -> None:
        own, _, _ = _of(database, "Observation/pulse")
        values: dict[str, Any] = {"rid": rid or own, "norm": "x", "raw": "x", "v": 1.0}
        columns = COLUMNS[table]
        database.insert(table, columns, [tuple(values.get(each, 3) for each in columns)])

    return damage


ROWS = [
    *((f"no row in {table}", without_a_row(table), {"missing"}) for table in COLUMNS),
    *((f"one more in {table}", with_a_row(table), {"surplus"}) for table in COLUMNS),
    *((f"nobody's in {table}", with_a_row(table, 10**6), {"stray"}) for table in COLUMNS),
]
MENDED: list[tuple[str, Damage, set[str]]] = [
    *ROWS,
    ("an empty index", sql("DELETE FROM ix"), {"missing"}),
    ("no compartment that was left", sql("DELETE FROM comp"), {"missing"}),
    ("one more left", sql("INSERT INTO comp (c, rid) VALUES (77, :rid)"), {"surplus"}),
    ("clinical date", sql("UPDATE res SET d = d + 1 WHERE rid = :rid"), {"dates"}),
    ("values", sql("UPDATE res SET has = 0 WHERE rid = :rid"), {"dates"}),
    (
        "date of a deleted one",
        sql("UPDATE res SET d = 5 WHERE rid = :rid", "Patient/gone"),
        {"dates"},
    ),
    ("deleted", sql("UPDATE res SET live = 0 WHERE rid = :rid"), {"live"}),
    ("not deleted", sql("UPDATE res SET live = 1 WHERE rid = :rid", "Patient/gone"), {"live"}),
    ("a count", sql("UPDATE type SET live = live + 1 WHERE name = 'Patient'"), {"count"}),
    ("numbers of resources", sql("UPDATE lane SET rid = 1"), {"counter"}),
    ("numbers of terms", sql("UPDATE lane SET tid = 1"), {"counter"}),
    ("end of the feed", sql("UPDATE lane SET seq = 1"), {"counter"}),
    ("time of the feed", sql("UPDATE lane SET t = 1"), {"counter"}),
    ("no counters", sql("DELETE FROM lane"), {"counter"}),
    ("a place in the past", sql("DELETE FROM past WHERE rid = :rid AND v = 1"), {"misplaced"}),
    ("another place", sql("UPDATE past SET seq = 1 WHERE rid = :rid AND v = 2"), {"misplaced"}),
    ("another version", sql("UPDATE res SET seq = seq - 1 WHERE rid = :rid"), {"misplaced"}),
    ("an earlier number", sql("UPDATE res SET v = 2 WHERE rid = :rid"), {"misplaced"}),
    ("a later number", sql("UPDATE res SET v = 5 WHERE rid = :rid"), {"misplaced", "incomplete"}),
    ("a parameter", sql("DELETE FROM param WHERE name = 'Patient.gender'"), {"parameter"}),
]


def do(place: Place, damage: Damage) -> None:
    with open_database(place, write=True) as database:
        database.execute("BEGIN")
        damage(database)
        database.execute("COMMIT")


@contextmanager
def damaged(a_place: Lasting, damage: Damage) -> Iterator[tuple[Place, Content]]:
    with a_place() as place:
        with opened(place) as record:
            fill(record)
        before = follows(place)
        do(place, damage)
        yield place, before


@pytest.fixture(scope="module", params=PLACES)
def sound(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A record that each test leaves as sound as it was."""
    with request.param() as place:
        with opened(place) as record:
            fill(record)
        yield place


@pytest.mark.parametrize(
    ("damage", "expected"), [each[1:] for each in MENDED], ids=[each[0] for each in MENDED]
)
def test_what_follows_from_the_versions_is_found_and_mended(
    sound: Place, damage: Damage, expected: set[str]
) -> None:
    before = follows(sound)
    do(sound, damage)
    assert kinds(sound) == expected
    repair(sound)
    assert findings(sound) == []
    if "parameter" not in expected:  # that got a new number
        assert follows(sound) == before
    with opened(sound) as record:
        found = record.found("Observation?code=8867-4&subject=Patient/li")
        assert found == ["Observation/pulse"]
        assert record.found("Patient?gender=male") == ["Patient/du"]
        assert record.found("Patient?gender:missing=false") == ["Patient/du"]
        assert record.search("Observation?value-quantity=72&_summary=count").total == 42


KEPT: list[tuple[str, Damage, set[str], set[str]]] = [  # and the kinds that are left
    ("a flipped bit", body("Observation/pulse", _flipped), {"altered"}, {"altered"}),
    (
        "cut off",
        body("Observation/pulse", lambda packed: packed[:9]),
        {"unreadable"},
        {"unreadable"},
    ),
    ("empty", body("Observation/pulse", lambda _: b""), {"unreadable"}, {"unreadable"}),
    (
        "no dictionary",
        sql(
            "DELETE FROM dict WHERE dict = (SELECT dict FROM ver WHERE seq = :seq)",
            "Observation/more-39",
        ),
        {"unreadable"},
        {"unreadable"},
    ),
    (
        "another's text",
        sql(
            "UPDATE ver SET dict = (SELECT o.dict FROM ver o WHERE o.seq = 1),"
            " body = (SELECT o.body FROM ver o WHERE o.seq = 1) WHERE seq = :seq",
            "Patient/du",
        ),
        {"altered", "surplus", "dates"},
        {"altered"},
    ),
    ("the hash", sql("UPDATE ver SET hash = hash + 1 WHERE seq = :seq"), {"altered"}, {"altered"}),
    ("the method", sql("UPDATE ver SET method = 9 WHERE seq = :seq"), {"altered"}, {"altered"}),
    (
        "the time",
        sql("UPDATE ver SET t = t - 100000 WHERE seq = :seq"),
        {"altered", "time"},
        {"altered", "time"},
    ),
    (
        "a superseded version gone",
        sql("DELETE FROM ver WHERE rid = :rid AND v = 2"),
        {"gap", "incomplete"},
        {"gap", "incomplete"},
    ),
    (
        "the current version gone",
        sql("DELETE FROM ver WHERE rid = :rid AND v = 3"),
        {"gap", "incomplete"},
        {"gap", "incomplete"},
    ),
    (
        "the last version gone",
        sql("DELETE FROM ver WHERE seq = :seq", "Observation/more-39"),
        {"gap", "incomplete"},
        {"gap", "incomplete"},
    ),
    (
        "a resource gone",
        sql("DELETE FROM res WHERE rid = :rid", "Observation/long"),
        {"unowned", "stray", "count"},
        {"unowned"},
    ),
]


@each_place
@pytest.mark.parametrize(
    ("damage", "expected", "left"), [each[1:] for each in KEPT], ids=[each[0] for each in KEPT]
)
def test_what_a_version_said_is_not_made_up(
    a_place: Lasting, damage: Damage, expected: set[str], left: set[str]
) -> None:
    with damaged(a_place, damage) as (place, _):
        assert kinds(place) == expected
        versions = everything(place)["ver"]
        repair(place)
        assert kinds(place) == left
        assert everything(place)["ver"] == versions
        with opened(place) as record:
            assert record.found("Patient?birthdate=1950-01-02") == ["Patient/li"]
            assert record.put(patient("new")).seq == record.end()
        assert kinds(place) == left


def test_wherever_a_bit_of_a_body_is_flipped_it_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        record.put(*(patient(f"p{n}", gender="male") for n in range(1000)))
    damaged: set[str] = set()
    with open_database(tmp_path, write=True) as database:
        unpack = unpacker(database)
        rows = database.execute("SELECT seq, dict, body FROM ver ORDER BY seq").fetchall()
        for bit, (seq, dictionary, packed) in enumerate(rows):
            flipped = bytearray(packed)
            flipped[bit // 8 % len(packed)] ^= 1 << bit % 8
            database.execute("UPDATE ver SET body = ? WHERE seq = ?", (bytes(flipped), seq))
            written = read(unpack, dictionary, packed)
            if read(unpack, dictionary, bytes(flipped)) != written:  # a bit may mean nothing
                damaged.add(f"Patient/p{bit}/_history/1")
    assert len(damaged) > 900
    wrong = {each.place for each in findings(tmp_path) if each.kind in ("altered", "unreadable")}
    assert wrong == damaged


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        fill(record)
    file = tmp_path / "record.sqlite"
    content = bytearray(file.read_bytes())
    with open_database(tmp_path) as database:
        [(page,)] = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'ver'")
    content[4096 * (page - 1) : 4096 * page] = b"\x05" * 4096
    file.write_bytes(content)
    assert "engine" in kinds(tmp_path)


# While the record is in use.


@each_place
def test_what_is_written_meanwhile_is_not_taken_for_damage(a_place: Lasting) -> None:
    with a_place() as place, opened(place) as record:
        fill(record)
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                record.put(observation("pulse", ("du", "li")[number % 2]))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                assert findings(place) == []
        finally:
            stop.set()
            writer.join()
        assert findings(place) == []


def definition() -> bytes:
    parameter = {
        "resourceType": "SearchParameter",
        "url": "http://example.org/note",
        "name": "note",
        "status": "active",
        "description": "What was noted.",
        "code": "note",
        "base": ["Observation"],
        "type": "string",
        "expression": "Observation.note.text",
    }
    return json.dumps(parameter).encode()


@each_place
def test_while_search_parameters_change_a_resource_may_be_indexed_by_either(
    a_place: Lasting,
) -> None:
    async def to_the_middle(record: Record) -> None:
        steps = record.store.reindex([definition()])
        await anext(steps)
        await steps.aclose()  # type: ignore[attr-defined]

    async def to_the_end(record: Record) -> None:
        async for _ in record.store.reindex([definition()]):
            pass

    with a_place() as place:
        with opened(place) as record:
            fill(record)
            asyncio.run(to_the_middle(record))
            record.put(observation("pulse", "du", note=[{"text": "by the new ones"}]))
            tally = Tally()
            with open_database(place) as database:
                assert list(verify(database, tally)) == []
            assert tally.reindexing
        with open_database(place, write=True) as database:
            sql("DELETE FROM link")(database)
        assert kinds(place) == {"missing"}
        repair(place)
        assert findings(place) == []
        with opened(place) as record:
            asyncio.run(to_the_end(record))
            assert findings(place) == []
        with opened(place) as record:
            assert "note" in {each.code for each in record.store.registry.numbered}


# The command.


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *words])
    return int(ended.value.code or 0)


def options(place: Place) -> list[str]:
    return ["--data", str(place)] if isinstance(place, Path) else ["--database", place]


@each_place
def test_the_command_says_what_it_found_and_mended(
    a_place: Lasting, capsys: pytest.CaptureFixture[str]
) -> None:
    with damaged(a_place, sql("DELETE FROM link WHERE rid = :rid")) as (place, before):
        where = options(place)
        assert command(*where) == 1
        assert "Observation/pulse: 2 rows are missing in the table link" in capsys.readouterr().err
        assert command(*where, "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["found"], told["left"]) == ({"missing": 1}, None)
        assert [each["place"] for each in told["findings"]] == ["Observation/pulse"]
        assert command(*where, "--repair", "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["found"], told["left"]) == ({"missing": 1}, {})
        assert follows(place) == before
        assert command(*where, "--repair") == 0
        assert "sound" in capsys.readouterr().err


def test_a_record_that_is_served_is_verified_and_not_mended(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        fill(record)
        assert command("--data", str(tmp_path)) == 0
        assert command("--data", str(tmp_path), "--repair") == 3
        assert record.put(patient("new")).seq == record.end()


@pytest.mark.parametrize(
    "where", [["--data", "nowhere"], ["--database", "postgresql://127.0.0.1:1/nowhere"]]
)
@pytest.mark.parametrize("more", [[], ["--repair"]])
def test_where_there_is_no_record_none_is_verified(
    where: list[str], more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*where, *more) == 3
    assert list(tmp_path.iterdir()) == []
