"""The same record in SQLite, in PostgreSQL, and in PostgreSQL behind two server processes.

Each gets the same people by `xinglin import`, is weighed, and is then asked over HTTP. What it is
compared with is measured in the same run: a bare ASGI echo, PostgreSQL's own benchmark on the
same cluster, and SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.cluster import SETTINGS, Cluster, cluster, disk
from benchmarks.filling import Filled, filled
from benchmarks.records import Engine, Line, Record, Result
from benchmarks.setting import Setting
from xinglin.cli.benchmarking import load
from xinglin.cli.benchmarking.asking import Workload
from xinglin.cli.benchmarking.bundles import Packet, packets
from xinglin.cli.benchmarking.echo import echoing, recorded
from xinglin.cli.benchmarking.figures import IMPORT, priced, rows
from xinglin.cli.benchmarking.ground import Ground, prepared
from xinglin.cli.benchmarking.machine import load as machine_load
from xinglin.cli.benchmarking.machine import machine
from xinglin.cli.benchmarking.target import Target, ours, size
from xinglin.cli.benchmarking.workloads import KINDS, Repeat
from xinglin.cli.benchmarking.workloads import Setting as Asked

ONE = "newest-1"  # the newest 20 again, asked by one client: the time of the answer, not of a queue
ECHO, SELECT_1, SELECT, UPDATE = "echo", "select-1", "select", "update"  # limits

_WORKLOADS = {IMPORT: IMPORT, "read": "read", "newest": "newest", ONE: "newest", "create": "create"}
_WARM = 0.1  # share of the time that comes before, and is not counted


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    processes: int
    database: str | None = None  # its name in the cluster


_COLUMNS = (
    _Column("SQLite", 1),
    _Column("PostgreSQL", 1, "one"),
    _Column("PostgreSQL", 2, "two"),
)


class _Run:
    """What is the same for all columns."""

    def __init__(self, setting: Setting, postgres: Cluster, pool: ProcessPoolExecutor) -> None:
        self._setting = setting
        self._postgres = postgres
        self._pool = pool
        self._packets = packets(setting.bundles, setting.packets)
        self.users = 8 if setting.quick else 64
        self.limits: dict[str, float] = {}

    def engine(self, column: _Column) -> Engine:
        with disk() as folder:
            url = None
            if column.database is not None:
                self._postgres.tell(f"CREATE DATABASE {column.database}")
                url = self._postgres.url(column.database)
            found = self._filled(column, folder, url)
            with ours(folder, url, column.processes) as target:
                lines = self._asked(target, database=url is not None)
        return Engine(
            name=column.name,
            processes=column.processes,
            imported_per_second=round(found.per_second, 1),
            import_us=round(found.cpu_us, 1),
            import_database_us=None if url is None else round(found.database_us, 1),
            bytes_each=round(found.bytes_each, 1),
            lines=lines,
        )

    def _filled(self, column: _Column, folder: Path, url: str | None) -> Filled:
        if column.database is None:
            place = ["--data", str(folder)]
            return filled(self._packets, place, column.processes, lambda: 0.0, lambda: size(folder))
        database = column.database
        empty = self._postgres.size(database)
        return filled(
            self._packets,
            ["--database", str(url)],
            column.processes,
            self._postgres.cpu_seconds,
            lambda: self._postgres.size(database) - empty,
        )

    def _asked(self, target: Target, *, database: bool) -> dict[str, Line]:
        founding, some = self._packets
        ground = prepared(target.door, founding, some[: 6 if self._setting.quick else 20])
        lines = {}
        for name, kind in _WORKLOADS.items():
            workload = KINDS[kind].made(Asked(target.door, ground, some))
            if workload is None:
                raise RuntimeError(f"nothing was loaded for {kind}")
            users = 1 if name == ONE else min(KINDS[kind].users, self.users)
            lines[name] = self._line(target, kind, users, workload, database=database)
            if name == "read" and ECHO not in self.limits:
                self._echo(target, ground, some, workload)
        return lines

    def _line(
        self, target: Target, kind: str, users: int, workload: Workload, *, database: bool = False
    ) -> Line:
        seconds = self._setting.seconds
        if kind != IMPORT:
            self._ask(target, workload, users, seconds * _WARM)
        before, there = target.cpu_seconds() or 0.0, self._postgres.cpu_seconds()
        run = self._ask(target, workload, users, seconds)
        spent = (target.cpu_seconds() or 0.0) - before
        row = priced(rows(kind, users, run)[0], spent)
        if not database:
            return Line(row=row)
        answered = row.resources if kind == IMPORT else row.requests
        there = self._postgres.cpu_seconds() - there
        return Line(row=row, database_us=round(1e6 * there / max(1, answered), 1))

    def _ask(self, target: Target, workload: Workload, users: int, seconds: float) -> load.Load:
        return self._pool.submit(load.run, target.door, workload, users, seconds).result()

    def _echo(
        self, target: Target, ground: Ground, some: Sequence[Packet], workload: Workload
    ) -> None:
        if not isinstance(workload, Repeat):
            raise TypeError(workload)
        with echoing(target.door, recorded(target.door, [*workload.asks])) as echo:
            same = KINDS["read"].made(Asked(echo.door, ground, some))
            if same is not None:
                row = self._line(echo, "read", self.users, same).row
                self.limits[ECHO] = row.requests_per_second

    def measure_postgres(self) -> None:
        """By PostgreSQL's own benchmark, with as many clients as ask us."""
        self._postgres.tell("CREATE DATABASE own")
        self._postgres.fill("own")
        with disk() as folder:
            nothing = folder / "nothing.sql"
            nothing.write_text("SELECT 1;\n")
            for name, flag in (
                (SELECT_1, f"--file={nothing}"),
                (SELECT, "--select-only"),
                (UPDATE, "--skip-some-updates"),
            ):
                self.limits[name] = self._postgres.transactions(
                    "own", flag, clients=self.users, seconds=self._setting.seconds / 2
                )


def engines(setting: Setting) -> Record:
    where = machine()
    with ExitStack() as started:
        postgres = started.enter_context(cluster())
        pool = started.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        run = _Run(setting, postgres, pool)
        found = [run.engine(column) for column in _COLUMNS]
        run.measure_postgres()
    return Record(
        part="engines",
        machine=where,
        load_after=machine_load(),
        data=setting.data,
        quick=setting.quick,
        results=_results(found, run.limits),
        engines=found,
        limits={name: round(rate, 1) for name, rate in run.limits.items()},
        settings={"version": postgres.version} | SETTINGS,
    )


def _results(found: Sequence[Engine], limits: dict[str, float]) -> list[Result]:
    sqlite, *others = found
    results = []
    for engine in others:
        servers = f"PostgreSQL, {engine.processes} process{'es' * (engine.processes > 1)}"
        results += [
            Result(
                what=f"resources imported by `xinglin import`: {servers}",
                figure=engine.imported_per_second,
                unit="resources/s",
                reference="SQLite, 1 process",
                reference_figure=sqlite.imported_per_second,
                goal=3_000,
                better="more",
            ),
            Result(
                what=f"read by id over HTTP: {servers}",
                figure=engine.lines["read"].row.requests_per_second,
                unit="requests/s",
                reference="a bare ASGI echo of the same bytes, 1 process",
                reference_figure=limits[ECHO],
                goal=4_000,
                better="more",
            ),
        ]
    return results
