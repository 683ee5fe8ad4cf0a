"""An answer on its way out: pretty, compressed, measured (RFC 9110, 8.4 and 12.5.3).

A large answer leaves in pieces, each when the client has taken most of the one before. When the
client is gone, what is left is thrown away.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import msgspec

from xinglin.server import memory
from xinglin.server.body import Receive
from xinglin.server.http import Header, Request, Response

Send = Callable[[dict[str, Any]], Awaitable[None]]

_GZIP: Final = 16 + zlib.MAX_WBITS
_FASTEST: Final = 1  # level 1 makes Bundles 8 times smaller; level 6 takes four times as long
_LARGE: Final = 1024 * 1024  # bytes; from here on compressing would be felt by other requests
_PIECE: Final = 1024 * 1024  # bytes of an answer that wait for the client at most
_BODILESS: Final = frozenset({204, 304})


async def deliver(
    request: Request, response: Response, receive: Receive, send: Send, gzip_min_bytes: int
) -> None:
    """Send the answer, in the form that the request asks for."""
    headers = [*response.headers]
    body = response.body
    if isinstance(body, bytes):
        if "_pretty=true" in request.raw_query and _is_json(headers):
            body = msgspec.json.format(body, indent=2)
        if len(body) >= gzip_min_bytes:
            headers.append((b"vary", b"accept-encoding"))
            if _takes_gzip(request):
                body = await _packed(body)
                headers.append((b"content-encoding", b"gzip"))
        if response.status not in _BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if not isinstance(body, bytes):
        await _stream(body, receive, send)
        return
    # The protocol below leaves the body of an answer to HEAD out by itself.
    if len(body) > _PIECE:
        for piece in _pieces(body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        memory.give_back_soon()
        body = b""
    await send({"type": "http.response.body", "body": body})


def _pieces(body: bytes) -> Iterator[memoryview]:
    whole = memoryview(body)
    return (whole[start : start + _PIECE] for start in range(0, len(body), _PIECE))


async def _stream(parts: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """A stream may be long: it is not read to its end for a client that is gone."""
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async for part in parts:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_json(headers: list[Header]) -> bool:
    return any(name == b"content-type" and b"json" in value for name, value in headers)


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get(b"accept-encoding", b"")
    return b"gzip" in accepted and b"gzip;q=0" not in accepted.replace(b" ", b"")


async def _packed(body: bytes) -> bytes:
    if len(body) < _LARGE:
        return zlib.compress(body, _FASTEST, _GZIP)
    return await asyncio.to_thread(zlib.compress, body, _FASTEST, _GZIP)
