"""The limit of every answer over HTTP: a bare ASGI application with the same bytes.

It runs in the very server that runs ours, with the same settings, and only looks up what to
say; what a real answer costs beyond it is ours to make less.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx

from xinglin.cli.benchmarking.asking import Ask, Door
from xinglin.cli.benchmarking.target import Target
from xinglin.server.app import App
from xinglin.server.running import Server, listen
from xinglin.server.settings import Settings

Message = dict[str, Any]
Answers = Mapping[bytes, tuple[list[tuple[bytes, bytes]], bytes]]  # by path and query

# What the HTTP server below adds by itself, or what does not fit a single answer.
_OWN_HEADERS = {b"date", b"connection", b"keep-alive", b"transfer-encoding", b"server"}


class Echo:
    """The smallest application that answers."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})
            return
        headers, body = self._answers[scope["raw_path"] + b"?" + scope["query_string"]]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def recorded(door: Door, asks: list[Ask]) -> Answers:
    """What the server answers to these GETs."""
    found = {}
    with httpx.Client(trust_env=False, timeout=60) as http:
        for ask in asks:
            head = ask.data.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")
            target = head[0].split(" ")[1]
            given = (line.partition(":") for line in head[1:])
            headers = {name: value.strip() for name, _, value in given} | {"accept-encoding": ""}
            answer = http.get(urljoin(door.base, target), headers=headers)
            kept = [
                (name.lower(), value)
                for name, value in answer.headers.raw
                if name.lower() not in _OWN_HEADERS
            ]
            path, _, query = target.partition("?")
            found[f"{path}?{query}".encode()] = kept, answer.content
    return found


@contextmanager
def echoing(door: Door, answers: Answers) -> Iterator[Target]:
    """Such a server in a process of its own, to be asked as the server at `door` is."""
    processes = get_context("spawn")
    here, there = processes.Pipe()
    process = processes.Process(target=_serve, args=(answers, there), daemon=True)
    process.start()
    try:
        base = f"http://127.0.0.1:{here.recv()}{urlsplit(door.base).path}"
        yield Target(Door(base, door.headers), (cast(int, process.pid),))
    finally:
        process.terminate()
        process.join()
        here.close()
        there.close()
        process.close()


def _serve(answers: Answers, parent: Connection) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    settings = Settings.model_construct()
    server = Server(cast(App, Echo(answers)), settings, listener, lambda: parent.send(port))
    server.serve_until_stopped()
