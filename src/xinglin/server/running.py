"""The process that serves: one event loop, one socket, stopped by SIGTERM or SIGINT.

What is under way when the signal comes is finished and answered; then the record is closed.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable
from errno import EADDRINUSE
from ipaddress import ip_address

import uvicorn

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server import memory
from xinglin.server.app import App
from xinglin.server.protocol import Protocol

# Parsing makes many objects and few cycles: looking for cycles as often as Python does by
# default takes a third of the time of an import.
_GARBAGE = 50_000
# While the writer's thread works on a large transaction, readers wait for so long at most.
_SWITCH = 0.001  # seconds


def listen(host: str, port: int) -> socket.socket:
    """A socket on a loopback address: without access control nobody else may come in.

    Raises:
        Refused: the address is not loopback, or something else has the port.
    """
    address = "127.0.0.1" if host == "localhost" else host
    given: dict[str, str | int] = {"host": host, "port": port}
    try:
        loopback = ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Refused(Issue("forbidden", "server.only-loopback", at="host", given=given))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        key = "server.port-taken" if error.errno == EADDRINUSE else "server.port-unusable"
        raise Refused(Issue("conflict", key, at="port", given=given)) from error
    return listener


def root(listener: socket.socket) -> str:
    """The address at which browsers find a listener: `http://127.0.0.1:8000`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready."""

    def __init__(self, app: App, listener: socket.socket, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=Protocol,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=30,
        )
        super().__init__(config)
        self._listener = listener
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def serve_until_stopped(self) -> None:
        memory.settle()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        sys.setswitchinterval(_SWITCH)
        # uvicorn stops at these signals and then raises them again; stopping was all they meant.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: None)
        self.run(sockets=[self._listener])
