"""PostgreSQL's side of the protocol of `relational/database.py`, against a plain model."""

from __future__ import annotations

import string
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.postgres import a_database, tell
from xinglin.fhir.outcome import Refused
from xinglin.store.postgres.database import COPY_ROWS, Postgres
from xinglin.store.postgres.schema import BRIEF_BYTES, BRIEF_CHARACTERS, prepare
from xinglin.store.relational.database import Full, Unreachable
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.migrations import SchemaMismatch
from xinglin.store.relational.sql import Many

LAST = "\U0010ffff"
VERSION = ("seq", "t", "rt", "rid", "v", "method", "hash", "dict", "body")

integers = st.integers(-(1 << 62), 1 << 62)
small = st.integers(0, 9)
floats = st.floats(allow_nan=False)
# The parser of resources refuses null characters and half surrogates.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(letters, max_size=30) | st.sampled_from(
    ["", "'", '"', "\\", "\\N", "{a,b}", "NULL", "$1", "?", "%s", "x" * 3_000, "é" * BRIEF_BYTES]
)
ids = st.uuids().map(str).map(pack_id) | st.text("ab-.", min_size=1).map(pack_id)
missing = st.none() | integers


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with a_database() as made:
        with closing(Postgres(made, role="write")) as database:
            prepare(database)
        yield made


@pytest.fixture(scope="module")
def shared(url: str) -> Iterator[Postgres]:
    with closing(Postgres(url, role="write")) as database:
        yield database


@pytest.fixture
def database(url: str) -> Iterator[Postgres]:
    """A connection that the test may break."""
    with closing(Postgres(url, role="write")) as opened:
        yield opened


@contextmanager
def undone(database: Postgres) -> Iterator[None]:
    database.execute("BEGIN")
    try:
        yield
    finally:
        database.execute("ROLLBACK")


# table, the columns of its key, the others, and what may stand in each
TABLES = {
    "res": (
        ("rt", "id"),
        ("rid", "seq", "d", "span", "has", "v", "live"),
        (small, ids),
        (st.uuids().map(lambda u: u.int >> 66), missing, missing, missing, missing, small, small),
    ),
    "term": (("p", "code", "sys", "text"), ("tid",), (small, texts, small, texts), (integers,)),
    "unit": (("system", "code", "unit"), (), (texts, texts, texts), ()),
    "st": (("k", "norm", "raw", "rid"), (), (integers, texts, texts, small), ()),
    "qn": (("k", "v", "u", "rid"), (), (small, floats, small, integers), ()),
    "cursor": (("name",), ("seq",), (st.text(letters, max_size=200),), (integers,)),
}


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=40)
@given(data=st.data())
def test_rows_are_kept_as_by_a_dictionary(
    shared: Postgres, table: str, data: st.DataObject
) -> None:
    key, others, kinds, values = TABLES[table]
    columns = (*key, *others)
    some = st.lists(st.tuples(st.tuples(*kinds), st.tuples(*values)), max_size=12)
    model: dict[Any, Any] = {}
    with undone(shared):
        for _ in range(2):
            rows = data.draw(some)
            shared.insert(table, columns, [(*k, *v) for k, v in rows])
            for k, v in rows:
                model.setdefault(k, v)
        gone = data.draw(st.lists(st.sampled_from(sorted(model)), max_size=5)) if model else []
        shared.delete(table, key, [*gone, *gone])
        for k in gone:
            model.pop(k, None)
        every = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
        listed = shared.execute(every).fetchall()
        assert sorted(listed, key=repr) == sorted(((*k, *v) for k, v in model.items()), key=repr)
        asked = [*model, *gone, *model, *(k for k, _ in data.draw(some))]
        for at, column in enumerate(others):
            found = shared.lookup(table, key, column, asked)
            assert found == [model[k][at] if k in model else None for k in asked]


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(small, missing, missing, floats), max_size=20), data=st.data())
def test_an_update_changes_the_rows_of_its_keys(
    shared: Postgres, rows: list[Any], data: st.DataObject
) -> None:
    with undone(shared):
        shared.execute(
            "CREATE TABLE thing (rid bigint PRIMARY KEY, d bigint, span bigint, v float8)"
        )
        model = {rid: (d, span, v) for rid, d, span, v in rows}
        shared.insert("thing", ("rid", "d", "span", "v"), [(r, *v) for r, v in model.items()])
        changes = data.draw(st.lists(st.tuples(small, floats, missing), max_size=20))
        shared.update("thing", "rid", ("v", "span"), changes)
        for rid, v, span in changes:
            if rid in model:
                model[rid] = (model[rid][0], span, v)
        found = shared.execute("SELECT rid, d, span, v FROM thing").fetchall()
        assert sorted(found) == sorted((rid, *value) for rid, value in model.items())


@pytest.mark.parametrize("count", [COPY_ROWS - 1, COPY_ROWS, 5_000])
def test_thousands_of_rows(shared: Postgres, count: int) -> None:
    rows = [(n % 7, n, -n) for n in range(count)]
    columns = ("k", "d", "rid")
    with undone(shared):
        shared.insert("ix", columns, rows[: count // 2], fresh=True)
        shared.insert("ix", columns, rows)
        shared.insert("ix", columns, rows)
        assert shared.execute("SELECT k, d, rid FROM ix ORDER BY d").fetchall() == rows
        assert shared.lookup("ix", ("d", "k", "rid"), "rid", [(d, k, r) for k, d, r in rows]) == [
            -n for n in range(count)
        ]
        shared.delete("ix", columns, rows[::2])
        assert shared.execute("SELECT k, d, rid FROM ix ORDER BY d").fetchall() == rows[1::2]


@pytest.mark.parametrize("count", [3, COPY_ROWS])
def test_versions_as_they_are_written(shared: Postgres, count: int) -> None:
    rows = [
        (n, n, 1, n, 1, 0, -(1 << 63) + n, 0, None if n % 5 == 0 else bytes([n % 256]) * n)
        for n in range(count)
    ]
    with undone(shared):
        shared.insert("ver", VERSION, rows, fresh=True)
        every = f"SELECT {', '.join(VERSION)} FROM ver ORDER BY seq"  # noqa: S608
        assert shared.execute(every).fetchall() == rows


@pytest.mark.parametrize("count", [1, COPY_ROWS])
def test_rows_that_are_not_fresh_are_an_error(database: Postgres, count: int) -> None:
    rows = [(1, n, n) for n in range(count)]
    with undone(database):
        database.insert("ix", ("k", "d", "rid"), rows[:1], fresh=True)
        with pytest.raises(psycopg.errors.UniqueViolation):
            database.insert("ix", ("k", "d", "rid"), rows, fresh=True)
    assert database.execute("SELECT count(*) FROM ix").fetchall() == [(0,)]


def test_no_rows_are_nothing_to_do(shared: Postgres) -> None:
    shared.insert("ix", ("k", "d", "rid"), [])
    shared.insert("ix", ("k", "d", "rid"), [], fresh=True)
    shared.delete("ix", ("k", "d", "rid"), [])
    shared.update("res", "rid", ("seq",), [])
    assert shared.lookup("res", ("rt", "id"), "rid", []) == []


@given(integer=integers, number=floats, text=texts, content=st.binary())
def test_values_come_back_as_they_went(
    shared: Postgres, integer: int, number: float, text: str, content: bytes
) -> None:
    row = (integer, number, text, content)
    assert shared.execute("SELECT ?, ?, ?, ?", row).fetchall() == [row]
    assert shared.execute("SELECT ? WHERE ? = ?", (integer, text, text)).fetchone() == (integer,)
    assert shared.execute("SELECT 1 WHERE 1 = ?", (None,)).fetchone() is None


@given(values=st.lists(small), wanted=st.lists(integers | small))
def test_a_list_of_numbers_is_one_value(
    shared: Postgres, values: list[int], wanted: list[int]
) -> None:
    same = "SELECT rid FROM past WHERE rid IN (SELECT value FROM json_each(?))"
    half = "SELECT rid FROM past WHERE rid + 0.5::float8 IN (SELECT value FROM json_each(?))"
    with undone(shared):
        shared.insert("past", ("rid", "v", "seq"), [(n, 1, n) for n in set(values)])
        found = shared.execute(same, (Many(wanted),))
        assert {rid for (rid,) in found} == set(values) & set(wanted)
        halves = Many([each + 0.5 for each in wanted if abs(each) < 100])
        found = shared.execute(half, (halves,))
        assert {rid for (rid,) in found} == set(values) & set(wanted)


long_texts = st.builds(
    lambda start, end, tail: "ab" * (BRIEF_CHARACTERS // 2 - 1) + start + end * tail,
    st.text("ab", max_size=4),
    st.sampled_from(["a", "b", "é", LAST[0]]),
    st.sampled_from([0, 1, BRIEF_BYTES - BRIEF_CHARACTERS, BRIEF_BYTES, 5_000]),
)


@settings(max_examples=60)
@given(kept=st.sets(long_texts | texts, max_size=12), data=st.data())
def test_texts_of_any_length_are_found_by_their_beginning(
    shared: Postgres, kept: set[str], data: st.DataObject
) -> None:
    source = data.draw(st.sampled_from(sorted(kept))) if kept else "a"
    low = source[: data.draw(st.integers(0, len(source)))]
    with undone(shared):
        shared.insert("st", ("k", "norm", "raw", "rid"), [(1, t, t, 1) for t in sorted(kept)])
        between = "SELECT norm FROM st WHERE k = ? AND norm >= ? AND norm < ?"
        found = [norm for (norm,) in shared.execute(between, (1, low, low + LAST))]
        assert sorted(found) == sorted(t for t in kept if low <= t < low + LAST)
        exact = "SELECT norm FROM st WHERE k = ? AND norm = ? AND raw = ?"
        same = shared.execute(exact, (1, source, source)).fetchall()
        assert same == [(source,)] * (source in kept)
        inside = shared.execute("SELECT norm FROM st WHERE instr(norm, ?) > 0", (low,))
        assert {norm for (norm,) in inside} == {t for t in kept if low in t}


@given(some=st.lists(texts))
def test_texts_are_ordered_by_code_point(shared: Postgres, some: list[str]) -> None:
    with undone(shared):
        rows = [(1, n, t, "") for n, t in enumerate(some)]
        shared.insert("st", ("k", "rid", "norm", "raw"), rows)
        found = shared.execute("SELECT norm FROM st ORDER BY norm").fetchall()
        assert found == [(t,) for t in sorted(some)]


@given(id=st.uuids().map(str) | st.text(string.ascii_letters + string.digits + "-.", min_size=1))
def test_an_id_reads_as_it_was_given(shared: Postgres, id: str) -> None:
    assert shared.execute("SELECT id_text(?)", (pack_id(id),)).fetchall() == [(id,)]


def test_more_statements_than_stay_prepared(shared: Postgres) -> None:
    for _ in range(2):
        for n in range(450):
            assert shared.execute(f"SELECT ? + {n}", (1,)).fetchone() == (n + 1,)
    [(kept,)] = shared.execute("SELECT count(*) FROM pg_prepared_statements")
    assert kept <= 400


def test_what_is_written_together_is_there_at_the_end(database: Postgres) -> None:
    columns = ("k", "d", "rid")
    with undone(database):
        with database.together():
            database.insert("ix", columns, [(1, 1, 1), (2, 2, 2)], fresh=True)
            database.delete("ix", columns, [(1, 1, 1)])
            assert database.execute("SELECT k FROM ix").fetchall() == [(2,)]
            database.insert("ix", columns, [(n, 3, 3) for n in range(COPY_ROWS)], fresh=True)
            database.insert("comp", ("c", "rid"), [(1, 1), (1, 1)])
        assert database.execute("SELECT count(*) FROM ix").fetchall() == [(COPY_ROWS + 1,)]
        assert database.execute("SELECT c, rid FROM comp").fetchall() == [(1, 1)]


def test_a_fault_among_what_is_written_together_is_told_and_nothing_is_committed(
    database: Postgres,
) -> None:
    database.execute("BEGIN")
    with pytest.raises(psycopg.errors.UniqueViolation), database.together():
        database.insert("ix", ("k", "d", "rid"), [(1, 1, 1), (1, 1, 1)], fresh=True)
        database.insert("comp", ("c", "rid"), [(1, 1)])
        database.execute("COMMIT")
    assert database.in_transaction
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        database.execute("COMMIT")
    assert not database.in_transaction
    with undone(database):
        database.insert("comp", ("c", "rid"), [(1, 1)])  # prepared in vain before
        assert database.execute("SELECT count(*) FROM ix").fetchall() == [(0,)]
        assert database.execute("SELECT c FROM comp").fetchall() == [(1,)]


def test_a_savepoint_undoes_a_part(database: Postgres) -> None:
    with undone(database):
        database.execute("SAVEPOINT work")
        with pytest.raises(psycopg.errors.DivisionByZero):
            database.execute("SELECT 1 / ?", (0,))
        database.execute("ROLLBACK TO work")
        database.execute("RELEASE work")
        database.insert("past", ("rid", "v", "seq"), [(1, 1, 1)])
        assert database.execute("SELECT rid FROM past").fetchall() == [(1,)]
        assert list(database.execute("DELETE FROM past")) == []
    assert not database.in_transaction


def test_a_transaction_in_which_nothing_was_done(database: Postgres) -> None:
    for end in ("COMMIT", "ROLLBACK"):
        database.execute("BEGIN")
        assert database.in_transaction
        database.execute(end)
        assert not database.in_transaction


def test_a_snapshot_is_of_one_moment(database: Postgres, url: str) -> None:
    count = "SELECT count(*) FROM cursor"
    with closing(Postgres(url, role="read")) as reader:
        with reader.snapshot():
            assert reader.execute(count).fetchall() == [(0,)]
            database.insert("cursor", ("name", "seq"), [("a", 1)])
            try:
                with reader.snapshot():  # the same moment
                    assert reader.execute(count).fetchall() == [(0,)]
                assert reader.in_transaction
            finally:
                database.delete("cursor", ("name",), [("a",)])
        assert not reader.in_transaction
        with reader.snapshot():
            pass
        assert not reader.in_transaction
        with suppress(ZeroDivisionError), reader.snapshot():
            reader.execute(count)
            raise ZeroDivisionError
        assert not reader.in_transaction
        with pytest.raises(Unreachable), reader.snapshot():
            reader.insert("comp", ("c", "rid"), [(1, 1)])
        assert reader.execute("SELECT count(*) FROM comp").fetchall() == [(0,)]


def _break_off(url: str, database: Postgres) -> None:
    [(pid,)] = database.execute("SELECT pg_backend_pid()")
    tell(url, f"SELECT pg_terminate_backend({pid}, 5000)")


@pytest.mark.parametrize(
    "act",
    [
        lambda d: d.execute("SELECT ?", (1,)),
        lambda d: d.execute("BEGIN") and d.execute("SAVEPOINT work"),
        lambda d: d.lookup("res", ("rt", "id"), "rid", [(1, b"")]),
        lambda d: d.insert("comp", ("c", "rid"), [(1, 1)]),
        lambda d: d.insert(
            "ix", ("k", "d", "rid"), [(1, 1, n) for n in range(COPY_ROWS)], fresh=True
        ),
        lambda d: d.snapshot().__enter__() or d.execute("SELECT 1"),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_a_connection_that_was_broken_off(url: str, act: Any, known: bool) -> None:
    with closing(Postgres(url, role="write")) as database:
        if known:
            with undone(database):
                act(database)
        _break_off(url, database)
        with pytest.raises(Unreachable):
            act(database)
        with pytest.raises(Unreachable):
            database.execute("SELECT 2")


def test_a_connection_that_breaks_in_a_transaction(url: str, database: Postgres) -> None:
    database.execute("BEGIN")
    database.insert("comp", ("c", "rid"), [(1, 1)])
    _break_off(url, database)
    with pytest.raises(Unreachable), database.together():
        database.insert("comp", ("c", "rid"), [(2, 2)])
        database.execute("COMMIT")
    with closing(Postgres(url, role="read")) as reader:
        assert reader.execute("SELECT count(*) FROM comp").fetchall() == [(0,)]


def test_a_connection_that_breaks_in_a_snapshot(url: str, database: Postgres) -> None:
    with pytest.raises(Unreachable), database.snapshot():
        _break_off(url, database)
        database.execute("SELECT 1")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("53100", Full),
        ("53200", Full),
        ("58030", Full),
        ("25006", Unreachable),
        ("40001", Unreachable),
        ("40P01", Unreachable),
        ("57P01", Unreachable),
        ("08006", Unreachable),
        ("57014", Unreachable),
        ("23505", psycopg.errors.UniqueViolation),
    ],
)
def test_what_the_codes_of_errors_mean(database: Postgres, code: str, expected: type) -> None:
    fault = f"DO $$ BEGIN RAISE EXCEPTION 'so' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(expected, match="so"):
        database.execute(fault)
    with pytest.raises(expected), undone(database):
        database.execute("SELECT ?", (1,))
        database.execute(fault)


def test_a_server_that_was_the_primary_takes_no_writes(database: Postgres) -> None:
    database.execute("SET default_transaction_read_only = on")
    with pytest.raises(Unreachable):
        database.insert("comp", ("c", "rid"), [(1, 1)])


def test_a_commit_with_reserve_is_no_commit(database: Postgres, url: str) -> None:
    database.execute(
        """CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE WARNING 'perhaps'; RETURN NULL; END $$;
           CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON comp DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION warn()"""
    )
    try:
        database.execute("BEGIN")
        database.insert("comp", ("c", "rid"), [(1, 1)])
        with pytest.raises(Unreachable, match="perhaps"):
            database.execute("COMMIT")
    finally:
        tell(url, "DROP FUNCTION xinglin.warn CASCADE", "DELETE FROM xinglin.comp")


def test_no_server(url: str) -> None:
    secret = "not-for-the-log"  # noqa: S105
    nowhere = f"postgresql://somebody:{secret}@127.0.0.1:1/record"
    with pytest.raises(Unreachable) as told:
        Postgres(nowhere, role="read")
    assert secret not in str(told.value)
    with pytest.raises(Refused, match="no-database-url") as refused:
        Postgres(f"postgresql://somebody:{secret}%zz@127.0.0.1/record", role="read")
    assert secret not in str(refused.value)
    assert refused.value.__suppress_context__
    with pytest.raises(Unreachable):
        Postgres(f"{url}_not_there", role="read")


def test_what_is_acknowledged_is_on_disk_unless_the_url_says_otherwise(url: str) -> None:
    tell(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET synchronous_commit = off")
    for asked, expected in (
        ("", "on"),
        ("?options=-c%20synchronous_commit%3Doff", "off"),
        ("?options=-c%20synchronous_commit%3Dremote_apply", "remote_apply"),
    ):
        with closing(Postgres(url + asked, role="write")) as database:
            assert database.execute("SHOW synchronous_commit").fetchall() == [(expected,)]
            assert database.execute("SHOW search_path").fetchall() == [("xinglin",)]


def test_servers_that_start_at_once_make_the_tables_once() -> None:
    with a_database() as new:
        faults: list[BaseException] = []

        def start() -> None:
            try:
                with closing(Postgres(new, role="write")) as database:
                    prepare(database)
            except BaseException as fault:  # noqa: BLE001
                faults.append(fault)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        with closing(Postgres(new, role="write")) as database:
            assert database.execute("SELECT count(*) FROM lane").fetchall() == [(1,)]
            database.execute("UPDATE schema_version SET version = ?", (99,))
            with pytest.raises(SchemaMismatch):
                prepare(database)
            assert not database.in_transaction


def test_a_table_of_a_statement_s_own_making_is_joined_by_hashes(shared: Postgres) -> None:
    text = """SELECT a.k, m.sum FROM ix a
              LEFT JOIN (SELECT d, sum(rid)::bigint AS sum FROM ix WHERE k = ? GROUP BY d) m
              ON m.d = a.d WHERE a.k = ? ORDER BY a.k"""
    with undone(shared):
        shared.insert("ix", ("k", "d", "rid"), [(1, 5, 3), (1, 5, 4), (2, 5, 1), (2, 6, 1)])
        for _ in range(2):
            assert shared.execute(text, (1, 2)).fetchall() == [(2, 7), (2, None)]
        assert shared.execute("SHOW enable_hashjoin").fetchall() == [("off",)]


@pytest.mark.parametrize(
    ("text", "bindings", "index"),
    [
        ("SELECT rid FROM ix WHERE k = ? ORDER BY d DESC, rid DESC LIMIT 9", (1,), "ix_pkey"),
        ("SELECT seq FROM ver WHERE rt = ? ORDER BY seq DESC LIMIT 9", (1,), "ver_type"),
        ("SELECT rid FROM st WHERE k = ? AND norm >= ? AND norm < ?", (1, "a", "b"), "st_norm"),
        ("SELECT tid FROM term WHERE p = ? AND code = ?", (1, "a"), "term_code"),
        ("SELECT tid FROM term WHERE p = ? AND text >= ? AND text <> ''", (1, "a"), "term_text"),
        ("SELECT sys FROM system WHERE uri = ?", ("a",), "system_uri"),
        ("SELECT rid FROM res WHERE rt = ? AND id = ?", (1, b"a"), "res_id"),
        ("SELECT rid FROM ix a WHERE EXISTS (SELECT 1 FROM dt WHERE rid = a.rid AND k = ?)"
         " AND k = ? ORDER BY d DESC LIMIT 9", (1, 2), "dt_rid"),
        ("SELECT 1 FROM st WHERE rid = ? AND k = ? AND norm >= ? AND norm < ?",
         (1, 1, "a", "b"), "st_rid"),
        ("SELECT 1 FROM qn WHERE rid = ? AND k = ? AND v >= ?", (1, 1, 1), "qn_rid"),
    ],
)  # fmt: skip
def test_every_question_has_an_index_that_gives_its_order(
    shared: Postgres, text: str, bindings: tuple[Any, ...], index: str
) -> None:
    with undone(shared):
        shared.insert("ver", VERSION, [(n, n, 1, n, 1, 0, 0, 0, b"") for n in range(500)])
        shared.insert("st", ("k", "norm", "raw", "rid"), [(1, "a", "a", n) for n in range(500)])
        shared.insert("qn", ("k", "v", "u", "rid"), [(n, 1.0, 0, n) for n in range(500)])
        shared.execute("ANALYZE ver")
        shared.execute("ANALYZE st")
        shared.execute("ANALYZE qn")
        types = ", ".join({int: "int8", str: "text", bytes: "bytea"}[type(b)] for b in bindings)
        shared.execute(f"PREPARE asked ({types}) AS {text}")
        nothing = ", ".join("NULL" for _ in bindings)
        plan = "\n".join(line for (line,) in shared.execute(f"EXPLAIN EXECUTE asked ({nothing})"))
        shared.execute("DEALLOCATE asked")
    assert index in plan
    assert not any(bad in plan for bad in ("Sort", "Seq Scan", "Bitmap", "hashed", "Join"))
