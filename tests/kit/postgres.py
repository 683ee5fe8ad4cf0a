"""PostgreSQL for tests: one cluster that all share, with a database for each test, and clusters
of a test's own, which can be killed.

It is the server that `XINGLIN_TEST_POSTGRES` names, where databases may be made, or is started
here from what is installed. Our clusters listen on the loopback address only, trust everybody
there, and end with the process that started them, however that ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from secrets import randbelow, token_hex
from socket import socket
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg

from tests.kit.postgres_programs import programs

USER = "xinglin"
_PATIENCE = 60  # seconds to start, to recover, to stop
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_ENOUGH = 4 << 30  # bytes: in a container it may be tiny
_FOLDERS = "xinglin-postgres-"


@cache
def shared() -> Cluster:
    """The cluster of the whole run, started when it is first asked for."""
    cluster = Cluster()
    atexit.register(cluster.close)
    cluster.start()
    return cluster


@contextmanager
def a_database() -> Iterator[str]:
    """The URL of a new, empty database, which is dropped afterwards."""
    server = os.environ.get("XINGLIN_TEST_POSTGRES") or shared().url()
    name = f"xinglin_test_{token_hex(6)}"
    tell(server, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        tell(server, f"DROP DATABASE {name} WITH (FORCE)")


def tell(url: str, *commands: str) -> None:
    """Each command in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command.encode())


class Cluster:
    """A PostgreSQL server with a folder and a port of its own.

    A durable one is on disk and syncs, as in a hospital. Others are in memory, where there is
    enough, and may lose everything when they are killed.
    """

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        self._programs = programs()
        self._folder, self._claim = _new_folder(None if durable else _memory())
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.data = self._folder / "data"
        self.port = _free_port()
        self._settings = {
            **_SETTINGS,
            **({} if durable else _FORGETFUL),
            **(settings or {}),
            "port": str(self.port),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when it answers; after a kill it recovers first."""
        assert not self.running
        if not self.data.exists():
            self.run("initdb", "--auth=trust", f"--username={USER}", *_LOCALE, "--no-sync")
        flags = [f"--{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._process = _child([str(self._programs / "postgres"), *flags], log, self._how())
        until = time.monotonic() + _PATIENCE
        while not self._ready():
            assert self.running, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        """As an administrator stops it who does not wait for clients."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE)

    def kill(self) -> None:
        """`kill -9` of all its processes at once; the folder is left as it is then."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # it has no more children
        children = _children(self._process.pid)
        for pid in (self._process.pid, *children):
            os.kill(pid, signal.SIGKILL)
        self._process.wait(_PATIENCE)
        while any(map(_lives, children)):
            time.sleep(0.001)

    def close(self) -> None:
        """Leaves nothing behind."""
        if self.running:
            self.kill()
        shutil.rmtree(self._folder)
        os.close(self._claim)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs, on the folder of this cluster's data."""
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, **self._how())
        assert done.returncode == 0, done.stderr

    def _how(self) -> dict[str, Any]:
        """What its programs are started with. None of them would run as root."""
        surroundings = {"PGDATA": str(self.data), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        how: dict[str, Any] = {"cwd": self._folder, "env": surroundings}
        if os.geteuid() == 0:
            owner = _owner()
            how |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        return how

    def _ready(self) -> bool:
        """Whether the present process says so in the file that pg_ctl looks at as well."""
        assert self._process is not None
        try:
            lines = (self.data / "postmaster.pid").read_text().split()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self._process.pid)] and lines[-1] == "ready"


def _child(command: list[str], log: Any, how: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A process that is killed when ours ends, killed or not.

    Linux takes for the parent the *thread* that started it, so it has one that waits for it.
    """
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    started: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def parent() -> None:
        # A session of its own: Ctrl-C in the terminal is for the tests.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **how)
        started.put(process)
        process.wait()

    Thread(target=parent, daemon=True).start()
    return started.get(timeout=_PATIENCE)


def _children(pid: int) -> list[int]:
    """Of a process that is stopped. Where there is no /proc they notice that it died."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def _lives(pid: int) -> bool:
    """A zombie does not, whoever should have noticed its end."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state[0] not in "ZX"


def _owner() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _memory() -> Path | None:
    """Where files lie in memory, if there is room."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH else None


def _new_folder(where: Path | None) -> tuple[Path, int]:
    """A folder for a cluster, and the claim on it: a lock that ends with this process. Folders
    that a killed process left are unclaimed, and are removed here."""
    for left in Path(where or tempfile.gettempdir()).glob(f"{_FOLDERS}*"):
        claim = _claim(left)
        if claim is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(claim)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDERS, dir=where))
    claim = _claim(folder)
    assert claim is not None
    if os.geteuid() == 0:
        os.chown(folder, _owner().pw_uid, _owner().pw_gid)
    return folder, claim


def _claim(folder: Path) -> int | None:
    try:
        found = os.open(folder, os.O_RDONLY)
    except OSError:
        return None  # another user's, or gone
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        return None
    return found


def _free_port() -> int:
    """Below the ports that Linux gives to clients: while a cluster is down nobody else takes its
    port, and no client that looks for it there is connected to itself."""
    while True:
        port = 15_000 + randbelow(17_000)
        with socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
