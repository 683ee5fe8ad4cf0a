"""What a measurement leaves: records in `results.json`, one for each part that was run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from xinglin.cli.benchmarking.figures import Row
from xinglin.cli.benchmarking.machine import Machine
from xinglin.cli.benchmarking.measuring import Report

RESULTS = Path(__file__).parent / "results.json"


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure, what it is compared with, and what was promised."""

    what: str
    figure: float
    unit: str
    reference: str  # measured in the same run
    reference_figure: float
    goal: float
    better: Literal["more", "less"]

    @property
    def ratio(self) -> float:
        return self.figure / self.reference_figure

    @property
    def held(self) -> bool:
        return self.figure >= self.goal if self.better == "more" else self.figure <= self.goal


class Point(Struct, frozen=True, kw_only=True):
    """The record at one size."""

    resources: int
    cpu_us: float  # of importing one, over all of them
    loads_us: float  # orjson.loads of the same bytes, at this point of the run
    bytes_each: float
    engine_p50_ms: float
    engine_p99_ms: float
    http_p50_ms: float
    http_p99_ms: float


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One workload on one engine."""

    row: Row  # its CPU is that of the server processes alone
    database_us: float | None = None  # CPU of PostgreSQL, a request, or a resource of an import


class Engine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record in one engine, behind so many server processes."""

    name: str
    processes: int
    imported_per_second: float  # resources, by so many processes of `xinglin import`
    import_us: float  # CPU of these, for a resource
    import_database_us: float | None = None  # and that of PostgreSQL
    bytes_each: float  # on disk, after it
    lines: dict[str, Line]  # by workload


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    part: str
    machine: Machine
    load_after: float
    data: str
    quick: bool = False  # small and short: shows that it works, not how fast it is
    results: list[Result]
    report: Report | None = None
    points: list[Point] = []
    engines: list[Engine] = []
    limits: dict[str, float] = {}  # what the engines are compared with, a second
    settings: dict[str, str] = {}  # of PostgreSQL


def read(path: Path = RESULTS) -> list[Record]:
    if not path.exists():
        return []
    return msgspec.json.decode(path.read_bytes(), type=list[Record])


def append(record: Record, path: Path = RESULTS) -> None:
    text = msgspec.json.encode([*read(path), record])
    path.write_bytes(msgspec.json.format(text) + b"\n")


def latest(records: list[Record]) -> dict[str, Record]:
    """The newest record of each part."""
    return {record.part: record for record in records}
