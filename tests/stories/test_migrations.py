"""A record that an earlier edition wrote is brought up when it is opened, whole or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
import zstandard

from tests.kit.postgres import a_database, tell
from tests.kit.record import Clock, Record
from tests.kit.schemas import tables
from xinglin.fhir.outcome import Refused
from xinglin.store.places import open_database, open_store
from xinglin.store.postgres import schema as postgres_schema
from xinglin.store.postgres.database import Postgres
from xinglin.store.relational import migrations
from xinglin.store.relational.database import Database
from xinglin.store.relational.migrations import Schema, SchemaMismatch
from xinglin.store.relational.verifying import Tally, verify
from xinglin.store.relational.versions import content_hash, encode
from xinglin.store.sqlite import schema as sqlite_schema
from xinglin.store.sqlite.database import Sqlite

FILE = "record.sqlite"


def kept(name: str) -> bytes:
    packed = (tables.HERE / f"{name}.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(packed)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder with a record of schema 1."""
    (tmp_path / FILE).write_bytes(kept("sqlite-1.sqlite"))
    return tmp_path


@contextmanager
def opened(folder: Path) -> Iterator[Record]:
    clock = Clock()
    clock.now += 10**9
    with closing(open_store(folder, clock=clock)) as store:
        yield Record(store, clock)


def version(folder: Path) -> Any:
    with closing(apsw.Connection(str(folder / FILE))) as connection:
        return connection.pragma("user_version")


def test_every_version_is_there_as_it_was(earlier: Path) -> None:
    expected = [json.loads(line) for line in kept("sqlite-1.feed.ndjson").splitlines()]
    with opened(earlier) as record:
        found = record.feed(0, 10_000)
        assert [
            [each.seq, each.t, each.type, each.id, each.version, each.method]
            + [None if text is None else text.decode() for text in (each.meta, each.body)]
            for each in found
        ] == expected
        assert record.cursor("subscription/du") == 17
        for each in (*found[-20:], *found[:20]):
            again = record.read(f"{each.type}/{each.id}", version=each.version)
            assert again == each
    assert version(earlier) == migrations.SCHEMA_VERSION


def test_every_version_has_its_hash(earlier: Path) -> None:
    with opened(earlier) as record:
        feed = record.feed(0, 10_000)
    with open_database(earlier) as database:
        hashes = [hash for (hash,) in database.execute("SELECT hash FROM ver ORDER BY seq")]
    assert hashes == [
        content_hash(
            each.type,
            each.id,
            each.version,
            each.t,
            each.method,
            None if each.body is None else encode(each.meta, each.body),
        )
        for each in feed
    ]


def test_what_is_in_it_is_found_and_writing_goes_on(earlier: Path) -> None:
    with opened(earlier) as record:
        feed = record.feed(0, 10_000)
        latest = {f"{each.type}/{each.id}": each for each in feed}
        live = {name for name, each in latest.items() if each.body is not None}
        assert {name for name in live if name.startswith("Patient/")} == set(
            record.found("Patient?_count=1000")
        )
        observations = [name for name in live if name.startswith("Observation/")]
        assert record.search("Observation?_summary=count").total == len(observations)
        assert record.store.registry.find("Observation", "of-status") is not None
        [uuid] = record.found("DocumentReference?_count=1000&_id=" + _a_uuid(live))
        assert uuid in live
        added = record.put(
            {
                "resourceType": "Observation",
                "id": "new",
                "status": "final",
                "code": {"coding": [{"system": "http://new", "code": "new"}]},
                "subject": {"reference": "Patient/unheard-of"},
            }
        )
        assert added.seq == len(feed) + 1
        assert record.found("Observation?code=http://new|new") == ["Observation/new"]
        assert record.found("Observation?subject=Patient/unheard-of") == ["Observation/new"]
    with open_database(earlier) as database:
        assert list(verify(database, Tally())) == []


def _a_uuid(names: set[str]) -> str:
    return next(
        id
        for type, _, id in (name.partition("/") for name in sorted(names))
        if type == "DocumentReference" and len(id) == 36
    )


def test_its_tables_are_those_of_a_new_record(earlier: Path) -> None:
    with opened(earlier):
        pass
    with closing(apsw.Connection(str(earlier / FILE))) as connection:
        assert tables.of_sqlite_file(connection) == tables.of_sqlite()


def test_a_damaged_version_comes_along(earlier: Path) -> None:
    with closing(apsw.Connection(str(earlier / FILE))) as connection:
        connection.execute("UPDATE ver SET body = x'00' WHERE seq = 3")
        connection.execute("UPDATE ver SET rid = 999999 WHERE seq = 4")
    with opened(earlier), open_database(earlier) as database:
        rows = database.execute("SELECT seq, hash, body FROM ver WHERE seq IN (3, 4)").fetchall()
        assert [row[:2] for row in rows] == [(3, 0), (4, 0)]
        assert rows[0][2] == b"\0"
        [(count,)] = database.execute("SELECT count(*) FROM ver")
        assert count == len(kept("sqlite-1.feed.ndjson").splitlines())


KILLED = """
import os, signal, sys
from pathlib import Path
from xinglin.store import places
from xinglin.store.sqlite import migrations

hashed = 0

def content_hash(*of, known=migrations.content_hash):
    global hashed
    hashed += 1
    if hashed > 1100:
        os.kill(os.getpid(), signal.SIGKILL)
    return known(*of)

migrations.content_hash = content_hash
places.open_store(Path(sys.argv[1]), clock=lambda: 0)
"""


def test_who_is_killed_on_the_way_has_changed_nothing(earlier: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(earlier)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert version(earlier) == 1
    with opened(earlier) as record:
        assert record.end() == len(kept("sqlite-1.feed.ndjson").splitlines())
    with open_database(earlier) as database:
        assert list(verify(database, Tally())) == []


LOGGED = """
import sys
from pathlib import Path
from xinglin.server.logs import configure
from xinglin.store.places import open_store

configure("info", "json")
open_store(Path(sys.argv[1]), clock=lambda: 0).close()
"""


def test_a_server_says_in_its_log_that_it_brings_a_record_up(earlier: Path) -> None:
    command = [sys.executable, "-c", LOGGED, str(earlier)]
    said = subprocess.run(command, check=True, capture_output=True).stderr
    [line] = [json.loads(line) for line in said.splitlines()]
    assert line["event"] == "schema of the record: from 1 to 2"


def test_who_only_looks_changes_nothing(earlier: Path) -> None:
    with pytest.raises(SchemaMismatch) as refused, open_database(earlier):
        pass
    assert (refused.value.found, refused.value.expected) == (1, migrations.SCHEMA_VERSION)
    assert version(earlier) == 1
    with open_database(earlier, write=True):
        pass
    assert version(earlier) == migrations.SCHEMA_VERSION
    with open_database(earlier):
        pass


# A step that nobody ever made, on both engines.


class StoppedError(Exception):
    pass


def _stopped(database: Database) -> None:
    database.execute("CREATE TABLE more (a INTEGER)")
    database.execute("INSERT INTO more VALUES (1)")
    raise StoppedError


def _carried_out(database: Database) -> None:
    database.execute("CREATE TABLE more (a INTEGER)")
    database.execute("INSERT INTO more VALUES (1)")


def _next(engine: Any, step: Any) -> Schema:
    own: Schema = engine.prepare.keywords["schema"]
    version = migrations.SCHEMA_VERSION
    return Schema(own.read, own.note, own.make, {version: step}, own.begin, version + 1)


@contextmanager
def sqlite_databases(tmp_path: Path) -> Iterator[Any]:
    yield partial(Sqlite, str(tmp_path / FILE), cache_kib=256)


@contextmanager
def postgres_databases(_: Path) -> Iterator[Any]:
    with a_database() as url:
        yield partial(Postgres, url, role="write")


ENGINES = pytest.mark.parametrize(
    ("databases", "engine"),
    [(sqlite_databases, sqlite_schema), (postgres_databases, postgres_schema)],
    ids=["sqlite", "postgres"],
)


@ENGINES
def test_a_step_is_made_whole_or_not_at_all(databases: Any, engine: Any, tmp_path: Path) -> None:
    with databases(tmp_path) as new:
        with closing(new()) as database:
            engine.prepare(database)
            with pytest.raises(StoppedError):
                migrations.prepare(database, _next(engine, _stopped))
            assert not database.in_transaction
            engine.require(database)
        following = _next(engine, _carried_out)
        with closing(new()) as database:
            migrations.prepare(database, following)
            migrations.prepare(database, following)
            assert database.execute("SELECT a FROM more").fetchall() == [(1,)]
            migrations.require(database, following)
            for refuses in (engine.prepare, engine.require):
                with pytest.raises(SchemaMismatch):
                    refuses(database)
            assert not database.in_transaction
            assert database.execute("SELECT count(*) FROM lane").fetchall() == [(1,)]


@ENGINES
def test_of_several_at_once_one_makes_the_step(databases: Any, engine: Any, tmp_path: Path) -> None:
    with databases(tmp_path) as new:
        with closing(new()) as database:
            engine.prepare(database)
        faults: list[BaseException] = []

        def start() -> None:
            try:
                with closing(new()) as database:
                    migrations.prepare(database, _next(engine, _carried_out))
            except BaseException as fault:  # noqa: BLE001
                faults.append(fault)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        with closing(new()) as database:
            assert database.execute("SELECT a FROM more").fetchall() == [(1,)]


@ENGINES
def test_where_there_is_no_record_none_is_made_by_looking(
    databases: Any, engine: Any, tmp_path: Path
) -> None:
    with databases(tmp_path) as new, closing(new()) as database:
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                engine.require(database)


@pytest.mark.parametrize("engine", tables.MADE)
def test_tables_that_change_have_a_new_version(engine: str) -> None:
    path = tables.kept(engine)
    assert path.exists() and path.read_text() == tables.MADE[engine](), (
        "the schema changed: raise SCHEMA_VERSION and add a step (tests/kit/schemas/README.md)"
    )


def test_a_server_that_was_there_before_writes_no_more_into_tables_of_a_later_edition() -> None:
    with a_database() as url:
        clock = Clock()
        record = Record(open_store(url, clock=clock), clock)
        try:
            record.put({"resourceType": "Patient", "id": "du"})
            tell(url, "UPDATE xinglin.schema_version SET version = version + 1")
            with pytest.raises(Refused, match=r"store\.of-another-edition"):
                record.put({"resourceType": "Patient", "id": "lin"})
            tell(url, "UPDATE xinglin.schema_version SET version = version - 1")
            record.put({"resourceType": "Patient", "id": "lin"})
            assert record.versions() == ["Patient/lin/1", "Patient/du/1"]
        finally:
            record.store.close()
