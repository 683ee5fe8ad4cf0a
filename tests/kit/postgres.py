"""PostgreSQL for tests: one cluster that all share, with a database for each test, and clusters
of a test's own, which can be killed.

It is the server that `XINGLIN_TEST_POSTGRES` names, where databases may be made, or is started
here from what is installed. Our clusters listen on the loopback address only, trust everybody
there, and end with the process that started them, however that ends.
"""

from __future__ import annotations

import atexit
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
from secrets import token_hex
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg

from tests.kit.mortal import child, free_port, kill_all, new_folder, stop_all
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
_DISK = Path("/var/tmp")  # noqa: S108 - so here; /tmp may be in memory
_ENOUGH = 4 << 30  # bytes: in a container it may be tiny


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

    def __init__(
        self,
        *,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
        place: Path | None = None,
    ) -> None:
        self._programs = programs()
        self._folder, self._claim = new_folder(place or _place(durable=durable))
        if os.geteuid() == 0:
            os.chown(self._folder, _owner().pw_uid, _owner().pw_gid)
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.data = self._folder / "data"
        self.port = free_port()
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
            self._process = child([str(self._programs / "postgres"), *flags], log, self._how())
        until = time.monotonic() + _PATIENCE
        while not self._ready():
            assert self.running, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.01)

    def stop(self, *, immediate: bool = False) -> None:
        """As an administrator stops it who does not wait for clients; `immediate`: nor for the
        disk, so that it recovers when it starts."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._process.wait(_PATIENCE)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Inside, none of its processes does anything, and all connections stay open."""
        assert self._process is not None
        stopped = stop_all(self._process)
        try:
            yield
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9` of all its processes at once; the folder is left as it is then."""
        assert self._process is not None
        kill_all(self._process)

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


def _owner() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _place(*, durable: bool) -> Path:
    if not durable and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
        return _MEMORY
    return _DISK if _DISK.is_dir() else Path(tempfile.gettempdir())
