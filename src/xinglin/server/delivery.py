"""An answer on its way out: pretty, compressed, measured (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from xinglin.server.http import Header, Request, Response

Send = Callable[[dict[str, Any]], Awaitable[None]]

_GZIP: Final = 16 + zlib.MAX_WBITS
_FASTEST: Final = 1  # level 1 makes Bundles 8 times smaller; level 6 takes four times as long
_LARGE: Final = 1024 * 1024  # bytes; from here on compressing would be felt by other requests
_BODILESS: Final = frozenset({204, 304})


async def deliver(request: Request, response: Response, send: Send, gzip_min_bytes: int) -> None:
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
    if isinstance(body, bytes):
        # The protocol below leaves the body of an answer to HEAD out by itself.
        await send({"type": "http.response.body", "body": body})
        return
    async for part in body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _is_json(headers: list[Header]) -> bool:
    return any(name == b"content-type" and b"json" in value for name, value in headers)


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get(b"accept-encoding", b"")
    return b"gzip" in accepted and b"gzip;q=0" not in accepted.replace(b" ", b"")


async def _packed(body: bytes) -> bytes:
    if len(body) < _LARGE:
        return zlib.compress(body, _FASTEST, _GZIP)
    return await asyncio.to_thread(zlib.compress, body, _FASTEST, _GZIP)
