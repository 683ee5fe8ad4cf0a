"""The capacity model of docs/scale.md: the page has what the model says, and the model is sane."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import capacity
from benchmarks.records import Engine, Line, Record, latest, read
from tests.kit.postgres import a_database
from xinglin.cli.benchmarking.figures import Row
from xinglin.store.face import UNRESTRICTED
from xinglin.store.postgres.readers import THREADS
from xinglin.store.postgres.store import open_store

CONSTANTS = capacity.given({})
GROWING = (
    "visits",
    "stays",
    "of_visit",
    "of_stay",
    "public",
    "home",
    "bytes",
    "lane_us",
    "read_us",
)

people = st.integers(1_000, 1_000_000_000)


def test_the_page_says_what_the_model_says() -> None:
    """If not: `python -m benchmarks.capacity`."""
    text = capacity.PAGE.read_text(encoding="utf-8")
    newest = latest([record for record in read() if not record.quick])
    assert capacity.page(text, newest) == text


def test_every_constant_has_a_source() -> None:
    assert [each for each in CONSTANTS.values() if not (each.what and each.source)] == []


@given(people)
def test_databases_are_small_enough_and_their_lanes_free_enough(number: int) -> None:
    found = capacity.needs(number, CONSTANTS)
    assert 10 * found.bytes_per_year <= found.databases * CONSTANTS["largest"].value * 1e12
    assert found.lane_busy <= found.databases * CONSTANTS["busy"].value


@given(people, st.sampled_from(GROWING), st.floats(1, 10))
def test_nothing_gets_less_when_something_grows(number: int, name: str, times: float) -> None:
    constant = CONSTANTS[name]
    grown = CONSTANTS | {name: replace(constant, value=constant.value * times)}
    before, after = (capacity.needs(number, constants) for constants in (CONSTANTS, grown))
    assert after.bytes_per_year >= before.bytes_per_year
    assert after.peak_versions_per_second >= before.peak_versions_per_second
    assert after.cores >= before.cores
    assert after.databases >= before.databases


def test_what_was_measured_goes_before_what_was_assumed() -> None:
    record = next(iter(latest(read()).values()))
    measured = Record(
        part="engines",
        machine=record.machine,
        load_after=0.0,
        data="",
        results=[],
        engines=[
            _engine("SQLite", 1, 1.0),
            _engine("PostgreSQL", 2, 2.0),
            _engine("PostgreSQL", 1, 3.0),
        ],
    )
    found = capacity.given({"engines": measured})
    assert found["bytes"].value == 3.0
    assert found["write_us"].value == 3.0 + 30.0  # of the server, and of the database
    assert found["read_us"].value == CONSTANTS["read_us"].value  # not measured


def test_a_server_opens_no_more_connections_than_the_model_says() -> None:
    async def busy(url: str) -> int:
        store = open_store(url, clock=lambda: 1)
        try:
            asked = [store.feed(0, 1) for _ in range(16 * THREADS)]
            await asyncio.gather(*asked, store.read(UNRESTRICTED, "Patient", "a"))
            return _connections(url)
        finally:
            store.close()

    with a_database() as url:
        counted = asyncio.run(busy(url))
    assert THREADS < counted <= CONSTANTS["connections"].value


def _connections(url: str) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xinglin' AND datname = %s"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(query, (connection.info.dbname,)).fetchone()
    assert row is not None
    return int(row[0])


def _engine(name: str, processes: int, figure: float) -> Engine:
    row = Row(
        workload="create",
        users=1,
        seconds=1.0,
        requests=1,
        resources=1,
        requests_per_second=1.0,
        resources_per_second=1.0,
        outcomes={},
        errors=0,
        cpu_us_per_request=figure,
    )
    return Engine(
        name=name,
        processes=processes,
        imported_per_second=figure,
        import_us=figure,
        bytes_each=figure,
        lines={"create": Line(row=row, database_us=10 * figure)},
    )
