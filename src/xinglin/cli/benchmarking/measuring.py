"""One measurement from beginning to end: prepare, load, ask, and compare with the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from xinglin.cli.benchmarking import load
from xinglin.cli.benchmarking.asking import Door, Workload
from xinglin.cli.benchmarking.bundles import Packet, packets
from xinglin.cli.benchmarking.echo import Answers, echoing, recorded
from xinglin.cli.benchmarking.figures import IMPORT, WHOLE, Row, compared, priced, rows
from xinglin.cli.benchmarking.ground import Ground, prepared
from xinglin.cli.benchmarking.limits import Limits, limits
from xinglin.cli.benchmarking.machine import Machine, machine
from xinglin.cli.benchmarking.machine import load as machine_load
from xinglin.cli.benchmarking.target import Target, ours, size
from xinglin.cli.benchmarking.workloads import KINDS, Repeat, Setting, created

ECHO = "echo"  # the part of a workload that is its limit over HTTP
ECHOED = ("read", "newest")
_WARM = 0.1  # share of the time that comes before, and is not counted


@dataclass(frozen=True, slots=True)
class Plan:
    only: Sequence[str]  # names in KINDS
    seconds: float  # for each workload
    users: int | None  # None: each workload's own number
    seeds: int  # Bundles that lie in the record before anything is timed
    packets: int  # Bundles to import, again and again
    bundles: Path | None = None
    url: str | None = None
    headers: Sequence[str] = ()


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    machine: Machine
    load_after: float
    target: str  # the base address, or "xinglin"
    data: str  # the folder of Bundles, or "residents"
    loaded: int  # resources, before anything was timed
    rows: list[Row]
    limits: Limits | None = None
    resident_mib: float | None = None  # of our server, at the end


class Bench:
    """The load generator in its process, and what was found so far."""

    def __init__(self, plan: Plan, say: Callable[[str], None], pool: ProcessPoolExecutor) -> None:
        self._plan = plan
        self._say = say
        self._pool = pool
        self.rows: list[Row] = []
        self.limits: Limits | None = None
        self.resident_mib: float | None = None

    def measure(self, target: Target, ground: Ground, some: Sequence[Packet], name: str) -> None:
        """One workload; a server that has nothing to be asked about gets an empty row."""
        self._say(name)
        kind = KINDS[name]
        setting = Setting(target.door, ground, some)
        users = self._plan.users or kind.users
        workload = kind.made(setting)
        if workload is None:
            self.rows.append(_refused(name, users, ground.refusal))
            return
        self.rows += self._timed(target, name, users, workload, warm=name != IMPORT)
        if name in ECHOED and isinstance(workload, Repeat) and self.rows[-1].requests:
            self._echo(target, setting, name, users, recorded(target.door, [*workload.asks]))
        self.resident_mib = target.resident_mib() or self.resident_mib

    def _timed(
        self, target: Target, name: str, users: int, workload: Workload, *, warm: bool
    ) -> list[Row]:
        seconds = self._plan.seconds
        if warm:
            first = self._ask(target, workload, users, seconds * _WARM)
            found = rows(name, users, first)
            if not found[0].requests:  # refused outright: asking for longer tells no more
                return found
        before = target.cpu_seconds()
        run = self._ask(target, workload, users, seconds)
        after = target.cpu_seconds()
        whole, *parts = rows(name, users, run)
        spent = None if before is None or after is None else after - before
        return [priced(whole, spent), *parts]

    def _ask(self, target: Target, workload: Workload, users: int, seconds: float) -> load.Load:
        return self._pool.submit(load.run, target.door, workload, users, seconds).result()

    def _echo(
        self, target: Target, setting: Setting, name: str, users: int, answers: Answers
    ) -> None:
        """The same questions to a server that only echoes; and the limits inside, once."""
        if target.pids and self.limits is None and name == "read":
            texts = [body for _, body in answers.values()]
            self.limits = limits(texts, created(setting.ground), self._plan.seconds / 10)
        with echoing(target.door, answers) as echo:
            workload = KINDS[name].made(Setting(echo.door, setting.ground, setting.packets))
            if workload is not None:
                [row, *_] = self._timed(echo, name, users, workload, warm=True)
                self.rows.append(replace(row, part=ECHO))


def measured(plan: Plan, say: Callable[[str], None]) -> Report:
    """Carry out the plan. `say` hears the name of each step."""
    where = machine()
    say("load")
    founding, some = packets(plan.bundles, plan.packets)
    with _generator() as pool:
        bench = Bench(plan, say, pool)
        if plan.url is not None:
            target = Target(Door(plan.url.rstrip("/"), tuple(plan.headers)))
            ground = prepared(target.door, founding, some[: plan.seeds])
            for name in plan.only:
                bench.measure(target, ground, some, name)
        else:
            ground = _measure_ours(bench, plan, founding, some)
    return Report(
        machine=where,
        load_after=machine_load(),
        target=plan.url or "xinglin",
        data=plan.bundles.name if plan.bundles else "residents",
        loaded=ground.loaded,
        rows=_compared(bench.rows, bench.limits),
        limits=bench.limits,
        resident_mib=bench.resident_mib,
    )


def _measure_ours(bench: Bench, plan: Plan, founding: list[Packet], some: list[Packet]) -> Ground:
    """Import first, into a record that is then closed and weighed; the rest in that record."""
    rest = [name for name in plan.only if name != IMPORT]
    with TemporaryDirectory(prefix="xinglin-bench-") as name:
        folder = Path(name)
        with ours(folder) as target:
            ground = prepared(target.door, founding, some[: plan.seeds])
            if IMPORT in plan.only:
                bench.measure(target, ground, some, IMPORT)
        if IMPORT in plan.only:
            written = ground.loaded + bench.rows[0].resources
            weight = round(size(folder) / written, 1)
            bench.rows[0] = replace(bench.rows[0], bytes_per_resource=weight)
        if rest:
            with ours(folder) as target:
                for each in rest:
                    bench.measure(target, ground, some, each)
    return ground


@contextmanager
def _generator() -> Iterator[ProcessPoolExecutor]:
    """A fresh process, which has nothing of ours in it but the load generator."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def _compared(found: Sequence[Row], known: Limits | None) -> list[Row]:
    if known is None:
        return list(found)
    echoes = {row.workload: row.cpu_us_per_request for row in found if row.part == ECHO}
    at_door = echoes.get("read")
    least = {
        IMPORT: known.decode_us + known.commit_us[1000],
        "read": at_door,
        "newest": echoes.get("newest"),
        "create": None if at_door is None else at_door + known.create_us,
    }
    return [
        compared(row, known.loads_us, least.get(row.workload) if row.part == WHOLE else None)
        for row in found
    ]


def _refused(name: str, users: int, status: int | None) -> Row:
    outcomes = {} if status is None else {str(status): 1}
    return Row(
        workload=name,
        users=users,
        seconds=0,
        requests=0,
        resources=0,
        requests_per_second=0,
        resources_per_second=0,
        outcomes=outcomes,
        errors=len(outcomes),
    )
