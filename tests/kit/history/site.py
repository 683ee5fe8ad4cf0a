"""Server processes of one record, each at an address that stays its own whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from types import TracebackType

from tests.kit.mortal import free_port
from tests.kit.server import running_server

_Server = tuple[AbstractContextManager[object], subprocess.Popen[str]]


class Site:
    """`flags` of `xinglin serve`, such as `--database`; each process has a folder of its own."""

    def __init__(
        self, folder: Path, *flags: str, servers: int = 1, seed: int | None = None
    ) -> None:
        self._random = Random(seed)  # noqa: S311  (no secrets)
        self._folder = folder
        self._flags = flags
        self._ports = [free_port() for _ in range(servers)]
        self._running: dict[int, _Server] = {}
        self.roots = [f"http://127.0.0.1:{port}" for port in self._ports]

    def __enter__(self) -> Site:
        for number in range(len(self._ports)):
            self.start(number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for context, _ in self._running.values():
            context.__exit__(kind, error, trace)

    def start(self, number: int) -> None:
        """Returns when it listens."""
        folder = self._folder / f"server-{number}"
        context = running_server(folder, *self._flags, "--port", str(self._ports[number]))
        _, process = context.__enter__()
        self._running[number] = context, process

    def kill(self, number: int) -> None:
        """SIGKILL, at whatever it is doing just now."""
        context, process = self._running.pop(number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        context.__exit__(None, None, None)

    def crash(self) -> None:
        """Kill one of the servers, not always just after an answer, and start it again."""
        number = self._random.randrange(len(self._ports))
        threading.Event().wait(self._random.random() / 100)
        self._anew(number)

    def crash_all(self) -> None:
        """One after the other."""
        for number in range(len(self._ports)):
            self._anew(number)

    def _anew(self, number: int) -> None:
        self.kill(number)
        self.start(number)
