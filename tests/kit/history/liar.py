"""A server that stands before a real one and does not always do as it should, so that it is seen
whether anybody notices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import httpx

_OWN = frozenset({"connection", "content-length", "content-encoding", "transfer-encoding", "date"})


@dataclass
class Call:
    """One request that came in, to be sent on as often and as it pleases."""

    upstream: httpx.Client
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def send(self) -> httpx.Response:
        headers = {name: value for name, value in self.headers.items() if name not in _OWN}
        return self.upstream.request(self.method, self.path, content=self.body, headers=headers)


Lie = Callable[[Call], httpx.Response | None]  # None: break the connection off


@contextmanager
def lying(root: str, lie: Lie, *, seldom: float = 0.5) -> Iterator[str]:
    """The root address of a liar before the server at `root`, who lies now and then."""
    random = Random(0)  # noqa: S311  (no secrets)
    upstream = httpx.Client(base_url=root, timeout=60)

    class Liar(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(upstream, self.command, self.path, headers, body)
            answer = lie(call) if random.random() < seldom else call.send()
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in _OWN:
                    self.send_header(name, value)
            if answer.status_code != 204:
                self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  (named by the library)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        upstream.close()
