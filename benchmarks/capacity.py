"""What a record needs for so many people: the tables of docs/scale.md, drawn from constants.

`python -m benchmarks.capacity` writes them into the page. Each constant has its source beside it;
what was measured by `python -m benchmarks` is taken from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from benchmarks.markdown import table
from benchmarks.page import DOCS
from benchmarks.records import Engine, Record, latest, read
from xinglin.cli.benchmarking.figures import Row, price
from xinglin.server.routes import modules
from xinglin.store.postgres.readers import THREADS

PAGE: Final = DOCS / "scale.md"
BEGIN: Final = "<!-- drawn by `python -m benchmarks.capacity` -->\n"
END: Final = "<!-- end of what is drawn -->\n"
PEOPLE: Final = (200_000, 2_000_000, 30_000_000)

_YEAR: Final = 365.25 * 86_400  # seconds
_HERE: Final = "measured 2026-11-22, PostgreSQL 15 on 2 cores, Synthea imported three times"


@dataclass(frozen=True, slots=True)
class Given:
    """A constant of the model."""

    what: str
    value: float
    source: str


_UNKNOWN: Final = Given("", 1_000, "assumed: nothing was measured")


@dataclass(frozen=True, slots=True)
class Needs:
    """What so many people need. Bytes are those of one copy."""

    resources_per_year: float
    versions_per_second: float
    peak_versions_per_second: float
    peak_reads_per_second: float
    bytes_per_year: float
    sqlite_bytes_per_year: float
    wal_per_day: float
    lane_busy: float  # of one database at the peak
    cores: float  # of servers and databases together, as busy as planned at the peak
    databases: int  # after ten years


def given(records: Mapping[str, Record]) -> dict[str, Given]:
    """The constants, by name; what the newest records measured goes before what stands here."""
    return _care() | _measured(records) | _chosen()


def _care() -> dict[str, Given]:
    bulletin = "National Health Commission of China, statistical bulletin for 2023"
    return {
        "visits": Given("visits to a clinic, a person and year", 6.8, bulletin),
        "stays": Given(
            "stays in a hospital, a person and year",
            0.214,
            f"{bulletin}: 301.9 M admissions of 1,410 M people",
        ),
        "of_visit": Given(
            "resources of a visit",
            20,
            "assumed; Synthea has 14.3, without orders, queues and dispensing",
        ),
        "of_stay": Given(
            "resources of a stay", 300, "assumed; Synthea has 158, without nursing rounds"
        ),
        "public": Given(
            "resources of public health, a person and year",
            8,
            "assumed: vaccinations, check-ups, follow-ups",
        ),
        "home": Given(
            "resources from home, a person and year",
            73,
            "assumed: one person in ten, two daily summaries",
        ),
        "versions": Given(
            "versions of each resource of a visit or a stay",
            1.5,
            "assumed: every second one changes once",
        ),
        "reads": Given(
            "searches and reads for each version written",
            10,
            "assumed: some 200 for a visit, of all screens",
        ),
        "peak": Given(
            "busiest hour, times the mean",
            6,
            "assumed: 8 hours on 5½ days are 3.8 times, a Monday morning half as much again",
        ),
    }


def _measured(records: Mapping[str, Record]) -> dict[str, Given]:
    scaling, doors, engines = (records.get(part) for part in ("scaling", "doors", "engines"))
    postgres = next(filter(_is_postgres, engines.engines if engines else ()), None)
    points = scaling.points if scaling else []
    writing, reading = (_cpu(workload, doors, postgres) for workload in ("create", "newest"))
    return {
        "sqlite_bytes": _or(
            "bytes of a resource, SQLite",
            points[-1].bytes_each if points else None,
            "docs/benchmarks.md, the record as it grows",
            Given("", 616, "measured 2026-11-22, 1 M resources"),
        ),
        "bytes": _or(
            "bytes of a resource, PostgreSQL",
            postgres.bytes_each if postgres else None,
            "docs/benchmarks.md, engines",
            Given("", 2_279, f"{_HERE}: 109,366 resources, an empty database taken off"),
        ),
        "version_bytes": Given(
            "bytes of each further version",
            388,
            f"{_HERE}, then 8,000 updates; the same is taken for SQLite",
        ),
        "wal": Given("bytes of WAL for a version", 3_000, f"{_HERE}, wal_compression=lz4"),
        "lane_us": Given(
            "µs that one version keeps the lane",
            367,
            f"{_HERE}: 285 of the writer's CPU and 82 of PostgreSQL's; 327 when 64 clients "
            "create over HTTP",
        ),
        "write_us": _or("µs of CPU for a resource created over HTTP", *writing),
        "read_us": _or("µs of CPU for a search of a patient's newest", *reading),
    }


def _chosen() -> dict[str, Given]:
    leases = sum(len(getattr(module, "WORKERS", ())) for module in modules("operations"))
    return {
        "busy": Given("how busy at the peak", 0.5, "chosen: a machine may fail, a year may be bad"),
        "largest": Given(
            "most TB in one database",
            5,
            "chosen: copied for a new standby in 7 hours at 200 MB/s",
        ),
        "connections": Given(
            "connections of a server process to PostgreSQL",
            1 + THREADS + 1 + 1 + leases,
            f"counted in the program: 1 writes, {THREADS} search, 1 reads by id, 1 watches, "
            f"{leases} hold the leases of workers",
        ),
    }


def _is_postgres(engine: Engine) -> bool:
    return engine.name == "PostgreSQL" and engine.processes == 1


def _cpu(
    workload: str, doors: Record | None, postgres: Engine | None
) -> tuple[float | None, str, Given]:
    """Of the servers and of the database."""
    line = postgres.lines.get(workload) if postgres else None
    own = price(line.row) if line else None
    if line is not None and own is not None:
        return own + (line.database_us or 0), "docs/benchmarks.md, engines", _UNKNOWN
    rows = doors.report.rows if doors and doors.report else []
    return _whole(workload, rows), "docs/benchmarks.md, on SQLite", _UNKNOWN


def _whole(workload: str, rows: Sequence[Row]) -> float | None:
    return next((price(row) for row in rows if row.workload == workload), None)


def _or(what: str, value: float | None, source: str, otherwise: Given) -> Given:
    if value is None:
        return Given(what, otherwise.value, otherwise.source)
    return Given(what, value, source)


def needs(people: int, constants: Mapping[str, Given]) -> Needs:
    """The model."""
    of = {name: each.value for name, each in constants.items()}
    care = of["visits"] * of["of_visit"] + of["stays"] * of["of_stay"]
    resources = people * (care + of["public"] + of["home"])
    changes = people * care * (of["versions"] - 1)
    versions = (resources + changes) / _YEAR
    peak = versions * of["peak"]
    size = resources * of["bytes"] + changes * of["version_bytes"]
    lane = peak * of["lane_us"] / 1e6
    cpu = peak * (of["write_us"] + of["reads"] * of["read_us"]) / 1e6
    return Needs(
        resources_per_year=resources,
        versions_per_second=versions,
        peak_versions_per_second=peak,
        peak_reads_per_second=peak * of["reads"],
        bytes_per_year=size,
        sqlite_bytes_per_year=resources * of["sqlite_bytes"] + changes * of["version_bytes"],
        wal_per_day=versions * 86_400 * of["wal"],
        lane_busy=lane,
        cores=cpu / of["busy"],
        databases=ceil(max(lane / of["busy"], 10 * size / (of["largest"] * 1e12))),
    )


def drawn(records: Mapping[str, Record]) -> str:
    """Both tables."""
    constants = given(records)
    columns = [needs(people, constants) for people in PEOPLE]
    head = ("people", *(f"{people / 1e6:g} million" for people in PEOPLE))
    rows = [(what, *map(show, columns)) for what, show in _ROWS]
    sources = "".join(
        f"| {each.what} | {each.value:,.4g} | {each.source} |\n" for each in constants.values()
    )
    return (
        f"{table(head, rows)}\nFrom these constants:\n\n"
        f"| constant | value | source |\n| --- | --: | --- |\n{sources}"
    )


_ROWS: Final[Sequence[tuple[str, Callable[[Needs], str]]]] = (
    ("resources a year", lambda at: _rounded(at.resources_per_year)),
    ("versions written a second, mean", lambda at: _rounded(at.versions_per_second)),
    ("the same in the busiest hour", lambda at: _rounded(at.peak_versions_per_second)),
    ("searches and reads a second, busiest hour", lambda at: _rounded(at.peak_reads_per_second)),
    ("one lane would be busy then", lambda at: f"{at.lane_busy:.1%}"),
    *(
        (
            f"one copy in PostgreSQL after {years} year{'s' * (years > 1)}",
            lambda at, years=years: _bytes(years * at.bytes_per_year),
        )
        for years in (1, 5, 10)
    ),
    ("one copy in SQLite after 10 years", lambda at: _bytes(10 * at.sqlite_bytes_per_year)),
    (
        "disks of a primary and a standby for 10 years, half as much again in reserve",
        lambda at: _bytes(2 * 1.5 * 10 * at.bytes_per_year),
    ),
    ("WAL a day, to the standby and the archive", lambda at: _bytes(at.wal_per_day)),
    ("databases, for ten years", lambda at: f"{at.databases:,}"),
    ("database machines: a primary and a standby each", lambda at: f"{2 * at.databases:,}"),
    ("cores of servers and databases together", lambda at: f"{max(4, ceil(at.cores)):,}"),
    ("server processes, two a database at least", lambda at: f"{_processes(at):,}"),
)


def _processes(at: Needs) -> int:
    """One has a core to itself."""
    return max(2 * at.databases, ceil(at.cores))


def _rounded(number: float) -> str:
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:,.3g}{name}"
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _bytes(number: float) -> str:
    for size, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= size:
            return f"{number / size:,.3g} {name}"
    return f"{number:,.0f} B"


def page(text: str, records: Mapping[str, Record]) -> str:
    """The page with its tables drawn anew."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{drawn(records)}\n{END}{after}"


if __name__ == "__main__":
    newest = latest([record for record in read() if not record.quick])
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), newest), encoding="utf-8")
