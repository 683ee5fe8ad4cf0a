"""Servers for tests: one in a thread of the test, one in a process of its own.

Both speak real HTTP on a free port of the loopback address.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import IO, Any

import httpx

from xinglin.server.app import App
from xinglin.server.opening import open_house
from xinglin.server.running import Server, listen
from xinglin.server.settings import Settings

FHIR = {"content-type": "application/fhir+json"}
_PATIENCE = 30  # seconds to start or stop


@contextmanager
def serving(data: Path | None = None, **settings: Any) -> Iterator[str]:
    """A server in a thread, its record in `data` or a folder that goes with it; yields its root
    address (`http://127.0.0.1:41234`), below which /fhir lies."""
    if data is None:
        with TemporaryDirectory() as folder, serving(Path(folder), **settings) as root:
            yield root
        return
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    state: Queue[str] = Queue()
    chosen = Settings(**settings)
    house = open_house(chosen, data)
    server = Server(App(house), chosen, listener, lambda: state.put("ready"))

    def run() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            listener.close()
            state.put("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert state.get(timeout=_PATIENCE) == "ready", "the server did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "the server did not stop"


@contextmanager
def client(data: Path | None = None, **settings: Any) -> Iterator[httpx.Client]:
    """A client whose addresses are relative to the base of a server of its own."""
    with (
        serving(data, **settings) as root,
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=60) as found,
    ):
        yield found


@contextmanager
def running_server(
    data: Path,
    *flags: str,
    database: str | None = None,
    errors: IO[str] | None = None,
    within: Sequence[str] = (),
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`xinglin serve` on a free port, its record in the folder or the database, its log in
    `errors`; yields its root address and the process. `within`: what carries out a command."""
    command = [
        *within,
        sys.executable,
        "-m",
        "xinglin.cli",
        "serve",
        "--port",
        "0",
        "--data",
        str(data),
    ]
    if database is not None:
        command += ["--database", database]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield _address(process), process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(_PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://[\d.:]*\d", line)
    assert found is not None, f"the server said {line!r} and ended with {process.poll()}"
    return found[0]


def issue(response: httpx.Response) -> dict[str, Any]:
    """The first issue of the OperationOutcome that a refusal is answered with."""
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["text"]
    first: dict[str, Any] = outcome["issue"][0]
    return first


def newest(fhir: httpx.Client) -> object:
    """The version that was written last, to show that a refused request wrote none."""
    entries = fhir.get("_history", params={"_count": 1}).json().get("entry", [None])
    return entries[0]
