"""A way to PostgreSQL that breaks at the one moment of which nobody can tell what became of it:
between a COMMIT and the answer to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, Self
from urllib.parse import urlsplit

_PIECE = 65536
_COMMIT = b"COMMIT\0"  # (READ COMMITTED is something else)


class Proxy:
    """Opened by `with Proxy.open(url) as proxy`; `proxy.url` leads through it.

    `cut`: the next COMMIT gets lost ("before" it arrives) or its answer does ("after" it was
    carried out), and the connection with it. `cuts` counts them.
    """

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        assert there.port is not None
        self._there = (there.hostname, there.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = there._replace(netloc=f"{there.username}@127.0.0.1:{port}").geturl()
        self.cut: Literal["before", "after"] | None = None
        self.cuts = 0

    @classmethod
    @contextmanager
    def open(cls, url: str) -> Iterator[Self]:
        proxy = cls(url)
        thread = threading.Thread(target=proxy._accept)
        thread.start()
        try:
            yield proxy
        finally:
            proxy._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            proxy._listener.close()

    def _accept(self) -> None:
        threads: list[threading.Thread] = []
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._listener.accept()
                threads.append(threading.Thread(target=self._serve, args=(client,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._there) as server:
            silent = threading.Event()
            answers = threading.Thread(target=_answers, args=(server, client, silent))
            answers.start()
            with suppress(OSError):
                while (piece := client.recv(_PIECE)) and self._passes(piece, silent):
                    server.sendall(piece)
                    if silent.is_set():
                        answers.join()  # until it was carried out
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _passes(self, piece: bytes, silent: threading.Event) -> bool:
        cut = self.cut
        if cut is None or _COMMIT not in piece:
            return True
        self.cut, self.cuts = None, self.cuts + 1
        if cut == "after":
            silent.set()
        return cut == "after"


def _answers(server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
    with suppress(OSError):
        while (piece := server.recv(_PIECE)) and not silent.is_set():
            client.sendall(piece)
        client.shutdown(socket.SHUT_RDWR)
