"""The server that is measured: anybody's by its address, or ours in processes of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from xinglin.cli.benchmarking.asking import Door
from xinglin.fhir.outcome import Issue, Refused

_PATIENCE = 60  # seconds to stop


@dataclass(frozen=True, slots=True)
class Target:
    """Of a server that is not ours nobody knows the processes."""

    door: Door
    pids: tuple[int, ...] = ()

    def cpu_seconds(self) -> float | None:
        """User and system time of the processes so far; None where nobody can tell."""
        if not self.pids or not Path("/proc").is_dir():
            return None
        return sum(map(cpu_seconds, self.pids))

    def resident_mib(self) -> float | None:
        """Physical memory of the processes; what they map of files counts too."""
        if not self.pids or not Path("/proc").is_dir():
            return None
        status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in self.pids)
        return sum(map(int, re.findall(r"VmRSS:\s+(\d+) kB", status))) / 1024


def cpu_seconds(pid: int, *, and_ended: bool = False) -> float:
    """User and system time of a process so far, with that of its ended children if asked."""
    # The name of the program, in parentheses, may itself have spaces in it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if and_ended else 13])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(folder: Path, database: str | None = None, processes: int = 1) -> Iterator[Target]:
    """`xinglin serve` on a free port, with its record in `folder` or a database; stopped at the
    end, which also brings all that is written into the one file of the record in a folder.
    Several processes, which only a database allows, share the port."""
    command = [sys.executable, "-m", "xinglin.cli", "serve"]
    command += ["--data", str(folder), "--log-level", "warning"]
    command += [] if database is None else ["--database", database]
    with ExitStack() as started:
        share = processes > 1
        pid, base = started.enter_context(_serving([*command, "--port", "0"], share=share))
        pids = [pid]
        for _ in range(processes - 1):
            more = [*command, "--port", str(urlsplit(base).port)]
            pids.append(started.enter_context(_serving(more, share=share))[0])
        yield Target(Door(f"{base}/fhir"), tuple(pids))


@contextmanager
def _serving(command: list[str], *, share: bool) -> Iterator[tuple[int, str]]:
    """One process: its number, and its address."""
    surroundings = os.environ | {"XINGLIN_SHARE_PORT": str(share).lower()}
    process = subprocess.Popen(  # noqa: S603  (us)
        command, stdout=subprocess.PIPE, text=True, env=surroundings
    )
    output = cast(IO[str], process.stdout)
    try:
        said = output.readline()
        found = re.search(r"http://[^\s/]+:\d+", said)
        if found is None:
            given: dict[str, str | int] = {"reason": said.strip() or f"exit {process.wait()}"}
            raise Refused(Issue("exception", "cli.bench-not-started", given=given))
        yield process.pid, found[0]
    finally:
        process.terminate()
        process.wait(_PATIENCE)
        output.close()


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
