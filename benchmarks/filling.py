"""`xinglin import` into an empty record, by one process or several: how fast, and at what cost.

What all others refer to comes first and is not timed, so that several processes can then share
the people among them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from xinglin.cli.benchmarking.bundles import Packet

_ROUNDS = 2  # of all people, each time as others: so that what a start takes weighs little


@dataclass(frozen=True, slots=True)
class Filled:
    per_second: float  # resources
    cpu_us: float  # of the processes that import, their start included, for a resource
    database_us: float
    bytes_each: float


def filled(
    given: tuple[list[Packet], list[Packet]],
    place: Sequence[str],
    processes: int,
    database: Callable[[], float],
    size: Callable[[], int],
) -> Filled:
    """
    Args:
        given: the Bundles to begin with, and the others.
        place: flags that say where the record is.
        database: CPU seconds that its database has taken so far.
        size: bytes of the record.
    """
    founding, some = given
    with TemporaryDirectory(prefix="xinglin-bench-") as folder:
        shares = [_written(Path(folder, "founding"), founding)]
        shares += [
            _written(Path(folder, f"people-{number}"), (some * _ROUNDS)[number::processes])
            for number in range(processes)
        ]
        [first] = _imported(shares[:1], place)
        spent, elsewhere = _cpu_seconds(), database()
        said = _imported(shares[1:], place)
        spent, elsewhere = _cpu_seconds() - spent, database() - elsewhere
    resources = sum(each["created"] for each in said)
    return Filled(
        per_second=resources / max(each["seconds"] for each in said),
        cpu_us=1e6 * spent / resources,
        database_us=1e6 * elsewhere / resources,
        bytes_each=size() / (resources + first["created"]),
    )


def _written(folder: Path, some: Sequence[Packet]) -> Path:
    folder.mkdir()
    for number, packet in enumerate(some):
        (folder / f"{number:05}.json").write_bytes(packet.text)
    return folder


def _imported(folders: Sequence[Path], place: Sequence[str]) -> list[dict[str, Any]]:
    """What each process says of its folder; they run at the same time."""
    command = [sys.executable, "-m", "xinglin.cli", "import", "--json", *place]
    running = [
        subprocess.Popen([*command, str(folder)], stdout=subprocess.PIPE)  # noqa: S603  (us)
        for folder in folders
    ]
    said = [process.communicate()[0] for process in running]
    for process in running:
        if process.returncode:
            raise RuntimeError(f"xinglin import ended with {process.returncode}: {said}")
    return [orjson.loads(text) for text in said]


def _cpu_seconds() -> float:
    """Of all child processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime
