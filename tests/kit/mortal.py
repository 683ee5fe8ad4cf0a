"""Processes, folders and ports that do not outlast the tests, even if these are killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from queue import SimpleQueue
from secrets import randbelow
from socket import socket
from threading import Thread
from typing import IO, Any

_PATIENCE = 60  # seconds
_FOLDERS = "xinglin-kit-"


def child(command: list[str], log: IO[bytes], how: dict[str, Any]) -> subprocess.Popen[bytes]:
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


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """It and its children, at once. Where there is no /proc, these have to notice that it died."""
    everybody = stop_all(process)
    for pid in everybody:
        os.kill(pid, signal.SIGKILL)
    process.wait(_PATIENCE)
    while any(map(_lives, everybody[1:])):
        time.sleep(0.001)


def stop_all(process: subprocess.Popen[bytes]) -> list[int]:
    """Stop (SIGSTOP) it and its children: their numbers, its own first."""
    process.send_signal(signal.SIGSTOP)  # it has no more children
    children = _children(process.pid)
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    return [process.pid, *children]


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def _lives(pid: int) -> bool:
    """A zombie does not, whoever should have noticed its end."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state[0] not in "ZX"


def new_folder(where: Path) -> tuple[Path, int]:
    """A folder and the claim on it: a lock that ends with this process. Folders that killed ones
    left are unclaimed, and are removed here."""
    for left in where.glob(f"{_FOLDERS}*"):
        claim = _claim(left)
        if claim is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(claim)
    folder = Path(tempfile.mkdtemp(prefix=_FOLDERS, dir=where))
    claim = _claim(folder)
    assert claim is not None
    return folder, claim


def _claim(folder: Path) -> int | None:
    try:
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None  # another user's, or gone
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        return None
    return found


def free_port() -> int:
    """Below the ports that Linux gives to clients: while a server is down nobody else takes its
    port, and no client that looks for it there is connected to itself."""
    while True:
        port = 15_000 + randbelow(17_000)
        with socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
