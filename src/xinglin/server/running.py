"""The process that serves: one event loop, one socket, stopped by SIGTERM or SIGINT.

What is under way when the signal comes is finished and answered; then the record is closed.
"""

from __future__ import annotations

import gc
import resource
import signal
import socket
import sys
from collections.abc import Callable
from errno import EADDRINUSE
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, cast

import uvicorn

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server import memory
from xinglin.server.app import App
from xinglin.server.protocol import Protocol
from xinglin.server.settings import Settings
from xinglin.server.watch import Watch

# Parsing makes many objects and few cycles: looking for cycles as often as Python does by
# default takes a third of the time of an import.
_GARBAGE = 50_000
# While the writer's thread works on a large transaction, readers wait for so long at most.
_SWITCH = 0.001  # seconds
_FILES: Final = 256  # open files beside the connections


def listen(host: str, port: int, *, share: bool = False) -> socket.socket:
    """A socket on a loopback address: without access control nobody else may come in. With
    `share`, other processes of the same user may listen there too, and the system spreads the
    connections over them.

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
    if share:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


def break_off(listener: socket.socket, seconds: int) -> None:
    """Have the system break off connections whose client takes nothing of what is sent to it, or
    is not there any more without having said so, for so many seconds. Connections inherit this
    from their listener (RFC 9293, 3.8.3 and 3.8.4; RFC 5482; Linux: tcp(7))."""
    tcp = socket.IPPROTO_TCP
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": max(1, seconds // 2),
        "TCP_KEEPINTVL": max(1, seconds // 6),
        "TCP_KEEPCNT": 3,
        # Of data that is not acknowledged, or finds no window: a client that does not read.
        "TCP_USER_TIMEOUT": seconds * 1000,
    }
    for name, value in options.items():
        if hasattr(socket, name):  # not every system has each
            listener.setsockopt(tcp, getattr(socket, name), value)


def allow_files(connections: int) -> None:
    """Raise this process's limit of open files so far that all connections find a place, the
    surplus that is turned away included; as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready, and waits for no client for ever."""

    def __init__(
        self,
        app: App,
        settings: Settings,
        listener: socket.socket,
        ready: Callable[[], None],
    ) -> None:
        break_off(listener, settings.send_timeout)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=cast(Any, partial(Protocol, settings)),
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=30,
        )
        super().__init__(config)
        self._watch = Watch(self.server_state.connections, settings)
        self._connections = settings.max_connections
        self._listener = listener
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._watch.begin()
        self._ready()

    def serve_until_stopped(self) -> None:
        memory.settle()
        allow_files(self._connections)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        sys.setswitchinterval(_SWITCH)
        # uvicorn stops at these signals and then raises them again; stopping was all they meant.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: None)
        self.run(sockets=[self._listener])
