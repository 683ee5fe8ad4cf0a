"""Transactions over HTTP until 100,000 resources lie in the record: what each costs in CPU,
what the server holds in memory then, and what it all weighs on disk once it is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.population import Population
from benchmarks.records import Record, Result
from benchmarks.setting import Setting
from xinglin.cli.benchmarking import load
from xinglin.cli.benchmarking.asking import Workload
from xinglin.cli.benchmarking.bundles import Packet, packets
from xinglin.cli.benchmarking.ground import prepared
from xinglin.cli.benchmarking.limits import limits
from xinglin.cli.benchmarking.machine import load as machine_load
from xinglin.cli.benchmarking.machine import machine
from xinglin.cli.benchmarking.target import Target, ours, size
from xinglin.cli.benchmarking.workloads import KINDS
from xinglin.cli.benchmarking.workloads import Setting as Asked

_SAMPLE = 2_000  # resources of which the limit is measured


@dataclass(frozen=True, slots=True)
class _Imported:
    resources: int
    cpu_seconds: float
    empty_mib: float
    full_mib: float
    bytes_each: float


def importing(setting: Setting) -> Record:
    where = machine()
    founding, some = packets(setting.bundles, setting.packets)
    with TemporaryDirectory(prefix="xinglin-bench-") as folder:
        found = _imported(Path(folder), founding, some, setting)
    charts = chain.from_iterable(next(Population(founding, some).copies()) for _ in some)
    return Record(
        part="importing",
        machine=where,
        load_after=machine_load(),
        data=setting.data,
        quick=setting.quick,
        results=_results(found, some, list(charts)[:_SAMPLE], setting),
    )


def _imported(
    folder: Path, founding: list[Packet], some: list[Packet], setting: Setting
) -> _Imported:
    with ours(folder) as target:
        empty = target.resident_mib() or 0.0
        ground = prepared(target.door, founding, some[:1])
        workload = KINDS["import"].made(Asked(target.door, ground, some))
        if workload is None:
            raise RuntimeError("the server takes no transactions")
        before = target.cpu_seconds() or 0.0
        written = _until(setting.imported, target, workload, setting.seconds)
        spent = (target.cpu_seconds() or 0.0) - before
        full = target.resident_mib() or 0.0
    return _Imported(written, spent, empty, full, size(folder) / (written + ground.loaded))


def _until(resources: int, target: Target, workload: Workload, seconds: float) -> int:
    """Import in slices of time until there are so many; how many there are."""
    written = 0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        while written < resources:
            users = KINDS["import"].users
            run = pool.submit(load.run, target.door, workload, users, seconds).result()
            for series in run.parts.values():
                if series.outcomes.keys() != {200}:
                    raise RuntimeError(f"not every transaction succeeded: {series.outcomes}")
                written += series.resources
    return written


def _results(
    found: _Imported, some: list[Packet], texts: Sequence[bytes], setting: Setting
) -> list[Result]:
    least = limits(texts, texts, setting.seconds / 10)
    sent = sum(len(packet.text) for packet in some) / sum(len(packet.entries) for packet in some)
    return [
        Result(
            what="transactions imported over HTTP",
            figure=found.resources / found.cpu_seconds,
            unit="resources/s per core",
            reference="decoding and committing 1,000 at a time, no HTTP and no Bundle",
            reference_figure=1e6 / (least.decode_us + least.commit_us[1000]),
            goal=8_000,
            better="more",
        ),
        Result(
            what="bytes on disk per resource, history and indexes included",
            figure=found.bytes_each,
            unit="B",
            reference="its JSON as it was sent",
            reference_figure=sent,
            goal=700,
            better="less",
        ),
        Result(
            what=f"memory of the server after importing {found.resources:,} resources",
            figure=found.full_mib,
            unit="MiB",
            reference="the same server, empty",
            reference_figure=found.empty_mib,
            goal=120,
            better="less",
        ),
    ]
