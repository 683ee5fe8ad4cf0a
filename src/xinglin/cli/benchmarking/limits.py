"""What the parts cost by themselves, in this process and without HTTP: the least that a whole
answer can cost. `orjson.loads` of the same bytes is the yardstick of the machine: a neighbour
who takes half of it slows both, and leaves their ratio.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time, time_ns
from typing import TypeVar

import orjson
from msgspec import Struct

from xinglin.fhir.resource import Resource, parse
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.parameters import standard
from xinglin.store.face import Transaction
from xinglin.store.sqlite import SqliteStore, open_store

Given = TypeVar("Given")

BATCHES = (1, 64, 1000)  # resources in one durable commit

_SINGLE = 300  # commits of one resource each: every one waits for the disk
_ROUNDS = 3  # the best of them counts: what disturbs only adds


class Limits(Struct, frozen=True):
    """µs of CPU for one resource."""

    loads_us: float
    decode_us: float
    extract_us: float
    commit_us: dict[int, float]  # by resources in a commit; extracting is in it
    create_us: float  # decode and commit, 64 at a time, what the workload `create` sends
    mean_bytes: int

    def yardsticks(self, us: float) -> float:
        return us / self.loads_us


def limits(texts: Sequence[bytes], created: Sequence[bytes], seconds: float) -> Limits:
    """Of resources in all their kinds, and of those that the workload `create` sends.

    Args:
        seconds: how long to go on with each part, about.
    """
    threshold = gc.get_threshold()
    gc.set_threshold(50_000)  # as the server has it
    try:
        parsed = [parse(text) for text in texts]
        extract = Extractor(standard())
        for resource in parsed:
            extract(resource.value)  # the functions are generated when a type first comes
        return Limits(
            loads_us=_each(orjson.loads, texts, seconds),
            decode_us=_each(parse, texts, seconds),
            extract_us=_each(extract, [resource.value for resource in parsed], seconds),
            commit_us={size: _commit(parsed, size, seconds) for size in BATCHES},
            create_us=_each(parse, created, seconds)
            + _commit([parse(text) for text in created], 64, seconds),
            mean_bytes=sum(map(len, texts)) // len(texts),
        )
    finally:
        gc.set_threshold(*threshold)


def _each(work: Callable[[Given], object], given: Sequence[Given], seconds: float) -> float:
    """µs for one, in the best of some rounds over all."""
    best, spent = float("inf"), 0.0
    rounds = 0
    while rounds < _ROUNDS or spent < seconds:
        started = process_time()
        for each in given:
            work(each)
        took = process_time() - started
        best, spent, rounds = min(best, took), spent + took, rounds + 1
    return best / len(given) * 1e6


def _commit(resources: Sequence[Resource], size: int, seconds: float) -> float:
    """µs of CPU for one resource, all new, in commits of so many, each of them on disk."""
    with TemporaryDirectory(prefix="xinglin-bench-") as folder:
        store = open_store(Path(folder), clock=lambda: time_ns() // 1000)
        try:
            return asyncio.run(_committed(store, resources, size, seconds))
        finally:
            store.close()


async def _committed(
    store: SqliteStore, resources: Sequence[Resource], size: int, seconds: float
) -> float:
    supply = cycle(resources)
    names = (f"bench-{number}" for number in count())
    written, spent = 0, 0.0
    most = _SINGLE if size == 1 else 200_000
    while written < size or (spent < seconds and written < most):
        work = partial(_put, list(zip(islice(supply, size), names, strict=False)))
        started = process_time()
        await store.commit(work)
        spent += process_time() - started
        written += size
    return spent / written * 1e6


def _put(named: list[tuple[Resource, str]], transaction: Transaction) -> None:
    for resource, id in named:
        transaction.put(resource, id, "POST")
