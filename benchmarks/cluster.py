"""A PostgreSQL server of our own, as a hospital would have it: on disk, and every commit synced.

It is made from the newest programs that are installed (Debian's packages, or those on the PATH),
listens on the loopback address only, and is removed afterwards.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from xinglin.cli.benchmarking.target import cpu_seconds

USER = "xinglin"
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
}

_OLDEST = 15
_DEBIAN = Path("/usr/lib/postgresql")
_DISK = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in it; /tmp may be in memory
_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cluster:
    programs: Path
    folder: Path  # of its files
    port: int
    version: str

    @property
    def pid(self) -> int:
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def tell(self, command: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(command.encode())

    def size(self, database: str) -> int:
        """Bytes of all its tables and indexes on disk, without the log of the cluster."""
        self.tell("CHECKPOINT")
        with psycopg.connect(self.url(database)) as connection:
            asked = connection.execute("SELECT pg_database_size(current_database())")
            [(size,)] = asked.fetchall()
        return int(size)

    def cpu_seconds(self) -> float:
        """Of all its processes so far, those that have ended included."""
        pid = self.pid
        spent = 0.0
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                spent += cpu_seconds(int(child))
        return spent + cpu_seconds(pid, and_ended=True)

    def transactions(self, database: str, *flags: str, clients: int, seconds: float) -> float:
        """How many there are in a second of what PostgreSQL's own benchmark does, by flags."""
        command = [str(self.programs / "pgbench"), "--no-vacuum", "--protocol=prepared", *flags]
        command += [f"--client={clients}", f"--time={max(1, round(seconds))}", self.url(database)]
        [rate] = _RATE.findall(_said(command))
        return float(rate)

    def fill(self, database: str) -> None:
        """The tables of PostgreSQL's own benchmark: a million rows, some 150 MB."""
        _said([str(self.programs / "pgbench"), "-iq", "--scale=10", self.url(database)])


@contextmanager
def disk() -> Iterator[Path]:
    """A folder on disk, where also what is compared with a cluster has to lie."""
    where = _DISK if _DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="xinglin-bench-", dir=where) as folder:
        yield Path(folder)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Raises: RuntimeError when there is no PostgreSQL that is new enough."""
    programs, version = _programs()
    with disk() as above:
        folder = above / "data"
        how: dict[str, Any] = {"cwd": above}
        if os.geteuid() == 0:  # none of its programs would run as root
            shutil.chown(above, "postgres", "postgres")
            how |= {"user": "postgres", "group": "postgres", "extra_groups": []}
        control = [str(programs / "pg_ctl"), f"--pgdata={folder}", "--wait", "--silent"]
        initial = f"--auth=trust --username={USER} --encoding=UTF8 --locale=C.UTF-8"
        _said([*control, "init", f"--options={initial}"], **how)
        port = _free_port()
        with (folder / "postgresql.conf").open("a") as file:
            own = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": port}
            file.writelines(f"{name} = '{value}'\n" for name, value in (SETTINGS | own).items())
        _said([*control, "start", f"--log={above / 'log'}"], **how)
        try:
            yield Cluster(programs, folder, port, version)
        finally:
            _said([*control, "stop", "--mode=fast"], **how)


def _programs() -> tuple[Path, str]:
    """Their folder, and their version."""
    on_path = shutil.which("pg_ctl")
    folders = [*_DEBIAN.glob("*/bin"), *([Path(on_path).resolve().parent] if on_path else [])]
    found = []
    for folder in folders:
        if (folder / "initdb").exists():
            version = _said([str(folder / "postgres"), "--version"]).split()[2]
            found.append((int(re.split(r"\D", version)[0]), folder, version))
    if not found or max(found)[0] < _OLDEST:
        raise RuntimeError(f"no PostgreSQL {_OLDEST} or newer: apt install postgresql")
    _, folder, version = max(found)
    return folder, version


def _said(command: list[str], **how: Any) -> str:
    # Not by a pipe: the server would inherit it, and it would never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, check=False, stdout=output, stderr=output, **how)  # noqa: S603
        output.seek(0)
        said = output.read()
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {said}")
    return said


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
