"""The record at 10,000, 100,000 and 1,000,000 resources: what importing one costs, and how long
the commonest question of a chart takes. Both must not depend on the size.

The record grows in this process, through the store's own commit; at each size it is asked in
process, closed, served, and asked over HTTP by one client that waits for each answer, so that
the latencies are of the answer and not of a queue.
"""

from __future__ import annotations

import asyncio
import gc
from array import array
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, time_ns
from urllib.parse import quote

import orjson

from benchmarks.population import Population
from benchmarks.records import Point, Record, Result
from benchmarks.setting import Setting
from xinglin.cli.benchmarking import load
from xinglin.cli.benchmarking.bundles import packets
from xinglin.cli.benchmarking.figures import percentile
from xinglin.cli.benchmarking.machine import load as machine_load
from xinglin.cli.benchmarking.machine import machine
from xinglin.cli.benchmarking.target import ours, size
from xinglin.cli.benchmarking.workloads import Repeat
from xinglin.fhir.resource import parse
from xinglin.fhir.search.grammar import parse as parse_search
from xinglin.store.face import UNRESTRICTED, Transaction
from xinglin.store.sqlite import SqliteStore, open_store

_COMMIT = 1_000  # resources at a time
_QUESTIONS = 2_000

Question = tuple[str, str]  # Patient.id, system|code


class Growth:
    """How far the record has grown, and what that took."""

    def __init__(self, population: Population) -> None:
        self._texts = _one_by_one(population)
        self.resources = 0
        self.cpu_seconds = 0.0
        self.loads_us = 0.0

    async def until(self, resources: int, store: SqliteStore) -> None:
        while self.resources < resources:
            texts = [next(self._texts) for _ in range(_COMMIT)]
            started = process_time()
            await store.commit(partial(_write, texts))
            self.cpu_seconds += process_time() - started
            self.resources += len(texts)
        started = process_time()
        for text in texts:
            orjson.loads(text)
        self.loads_us = (process_time() - started) / len(texts) * 1e6


def scaling(setting: Setting) -> Record:
    where = machine()
    population = population_of(setting)
    growth = Growth(population)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)  # as the server has it
    with TemporaryDirectory(prefix="xinglin-bench-") as folder:
        points = [_point(Path(folder), growth, population, each) for each in setting.sizes]
    return Record(
        part="scaling",
        machine=where,
        load_after=machine_load(),
        data=setting.data,
        quick=setting.quick,
        results=_results(points),
        points=points,
    )


def population_of(setting: Setting) -> Population:
    """No more charts than make the smallest record, so that all of them are in each."""
    founding, some = packets(setting.bundles, setting.packets)
    room = setting.sizes[0] - sum(len(packet.entries) for packet in founding)
    sizes = accumulate(len(packet.entries) for packet in some)
    return Population(
        founding, [each for each, sum in zip(some, sizes, strict=True) if sum <= room]
    )


def _point(folder: Path, growth: Growth, population: Population, resources: int) -> Point:
    store = open_store(folder, clock=lambda: time_ns() // 1000)
    try:
        asyncio.run(growth.until(resources, store))
        copies = (growth.resources - len(population.founding)) // population.size
        questions = population.questions(copies, _QUESTIONS, Random(7))  # noqa: S311  (a sample)
        inside = asyncio.run(_asked_inside(store, questions))
    finally:
        store.close()
    weight = size(folder)
    outside = _asked_over_http(folder, questions)
    return Point(
        resources=growth.resources,
        cpu_us=round(growth.cpu_seconds / growth.resources * 1e6, 1),
        loads_us=round(growth.loads_us, 2),
        bytes_each=round(weight / growth.resources, 1),
        engine_p50_ms=_ms(inside, 0.5),
        engine_p99_ms=_ms(inside, 0.99),
        http_p50_ms=_ms(outside, 0.5),
        http_p99_ms=_ms(outside, 0.99),
    )


def _write(texts: list[bytes], transaction: Transaction) -> None:
    for text in texts:
        resource = parse(text)
        transaction.put(resource, resource.id or "", "PUT")


async def _asked_inside(store: SqliteStore, questions: list[Question]) -> array[float]:
    """Seconds each, in order; the second time around, as a chart is opened more than once."""
    for times in (array("d"), array("d")):
        for patient, code in questions:
            started = perf_counter()
            pairs = [("patient", patient), ("code", code), ("_sort", "-date"), ("_count", "20")]
            asked = parse_search(
                store.registry, ("Observation",), pairs, strict=True, base="", now_ms=0
            )
            page = await store.search(UNRESTRICTED, asked.query)
            if not [version.content for version in page.hits]:
                raise RuntimeError(f"nothing found for {patient} and {code}")
            times.append(perf_counter() - started)
    return array("d", sorted(times))


def _asked_over_http(folder: Path, questions: list[Question]) -> array[float]:
    with (
        ours(folder) as target,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        asks = [
            replace(target.door.ask("", "GET", path), expected=b'"entry"')
            for path in map(_path, questions)
        ]
        for seconds in (1, 5):
            run = pool.submit(load.run, target.door, Repeat(asks), 1, seconds).result()
        series = run.parts[""]
        if series.outcomes.keys() != {200}:
            raise RuntimeError(f"not every search succeeded: {series.outcomes}")
    return array("d", sorted(series.latencies))


def _path(question: Question) -> str:
    patient, code = question
    return f"Observation?patient={patient}&code={quote(code, safe='')}&_sort=-date&_count=20"


def _one_by_one(population: Population) -> Iterator[bytes]:
    yield from population.founding
    for chart in population.copies():
        yield from chart


def _ms(ordered: array[float], share: float) -> float:
    return round(1000 * percentile(ordered, share), 3)


def _results(points: list[Point]) -> list[Result]:
    small, large = points[0], points[-1]
    at = f"{large.resources:,} resources"
    return [
        Result(
            what=f"newest 20 of patient and code over HTTP, p99 at {at}",
            figure=large.http_p99_ms,
            unit="ms",
            reference=f"the same at {small.resources:,}",
            reference_figure=small.http_p99_ms,
            goal=min(5.0, 1.5 * small.http_p99_ms),
            better="less",
        ),
        Result(
            what=f"newest 20 of patient and code in process, p99 at {at}",
            figure=large.engine_p99_ms,
            unit="ms",
            reference=f"the same at {small.resources:,}",
            reference_figure=small.engine_p99_ms,
            goal=min(5.0, 1.5 * small.engine_p99_ms),
            better="less",
        ),
        Result(
            what=f"CPU to import one, over the first {at}",
            figure=large.cpu_us,
            unit="µs",
            reference=f"the same over {small.resources:,}",
            reference_figure=small.cpu_us,
            goal=1.5 * small.cpu_us,
            better="less",
        ),
    ]
