"""`python -m benchmarks.copying`: a large record is backed up, restored into either engine, and
verified there; prints the rows of the table in docs/backup.md.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, time_ns
from typing import Annotated

import typer

from benchmarks.cluster import cluster
from benchmarks.scaling import Growth, population_of
from benchmarks.setting import Setting
from xinglin.cli.benchmarking.machine import load, machine
from xinglin.store.sqlite import open_store


@dataclass(frozen=True, slots=True)
class Sized(Setting):
    resources: int = 1_000_000

    @property
    def sizes(self) -> tuple[int, ...]:
        return (min(10_000, self.resources), self.resources)


def main(
    resources: Annotated[int, typer.Option(help="How many there are in the record.")] = 1_000_000,
    bundles: Annotated[
        Path | None, typer.Option(envvar="XINGLIN_BUNDLES", help="Folder of Bundles.")
    ] = None,
    where: Annotated[Path, typer.Option(help="Folder on disk; needs some 5 kB a resource.")] = Path(
        "/var/tmp"  # noqa: S108 - a folder of our own is made in it
    ),
) -> None:
    """Time a backup, its restoration and its verification."""
    here = machine()
    typer.echo(f"{resources:,} resources; {here.processor}, {here.cores} cores; load {load():.1f}")
    with TemporaryDirectory(prefix="xinglin-bench-", dir=where) as made, cluster() as postgres:
        folder = Path(made)
        asyncio.run(_fill(folder / "record", Sized(bundles, quick=False, resources=resources)))
        postgres.tell("CREATE DATABASE record")
        copy, other = str(folder / "copy"), postgres.url("record")
        _timed("backup", "backup", copy, "--data", str(folder / "record"))
        typer.echo(f"| size of the backup | {Path(copy).stat().st_size / 1e6:.0f} MB |")
        _timed("restore into a folder", "restore", copy, "--data", str(folder / "again"))
        _timed("verify the folder", "verify", "--data", str(folder / "again"))
        _timed("restore into PostgreSQL", "restore", copy, "--database", other)
        _timed("verify the database", "verify", "--database", other)
        typer.echo(f"load at the end {load():.1f}")


async def _fill(folder: Path, setting: Sized) -> None:
    store = open_store(folder, clock=lambda: time_ns() // 1000)
    try:
        await Growth(population_of(setting)).until(setting.resources, store)
    finally:
        store.close()


def _timed(what: str, *words: str) -> None:
    started = perf_counter()
    command = [sys.executable, "-m", "xinglin.cli", *words, "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    seconds = perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{what} ended with {done.returncode}: {done.stdout}{done.stderr}")
    typer.echo(f"| {what} | {seconds:.0f} s | `{done.stdout.strip()[:200]}` |")


if __name__ == "__main__":
    typer.run(main)
