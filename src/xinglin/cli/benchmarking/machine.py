"""Where and when a measurement was made: without it no figure means anything."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import which

from msgspec import Struct


class Machine(Struct, frozen=True):
    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    xinglin: str
    commit: str | None
    date: str
    load: float  # average of the last minute, when it began: what neighbours took is in it


def machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        xinglin=version("xinglin"),
        commit=_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        load=load(),
    )


def load() -> float:
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    try:
        told = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        told = None
    return told[1] if told else platform.processor() or platform.machine()


def _commit() -> str | None:
    """Of the checkout that this file is in; None where it was installed otherwise."""
    git = which("git")
    if git is None:
        return None
    asked = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip() or None
