"""The server that is measured: anybody's by its address, or ours in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from xinglin.cli.benchmarking.asking import Door
from xinglin.fhir.outcome import Issue, Refused

_PATIENCE = 60  # seconds to stop


@dataclass(frozen=True, slots=True)
class Target:
    """Of a server that is not ours `pid` and `folder` are None, and nothing is known of them."""

    door: Door
    pid: int | None = None
    folder: Path | None = None

    def cpu_seconds(self) -> float | None:
        """User and system time of the process so far; None where nobody can tell."""
        if self.pid is None or not Path("/proc").is_dir():
            return None
        # The name of the program, in parentheses, may itself have spaces in it.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float | None:
        """Physical memory of the process; what it maps of files counts too."""
        if self.pid is None or not Path("/proc").is_dir():
            return None
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else None


@contextmanager
def ours(folder: Path) -> Iterator[Target]:
    """`xinglin serve` on a free port, with its record in `folder`; stopped at the end, which
    also brings all that is written into the one file of the record."""
    command = [sys.executable, "-m", "xinglin.cli", "serve", "--port", "0"]
    command += ["--data", str(folder), "--log-level", "warning"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (us)
    output = cast(IO[str], process.stdout)
    try:
        said = output.readline()
        found = re.search(r"http://[^\s/]+:\d+", said)
        if found is None:
            given: dict[str, str | int] = {"reason": said.strip() or f"exit {process.wait()}"}
            raise Refused(Issue("exception", "cli.bench-not-started", given=given))
        yield Target(Door(f"{found[0]}/fhir"), process.pid, folder)
    finally:
        process.terminate()
        process.wait(_PATIENCE)
        output.close()


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
