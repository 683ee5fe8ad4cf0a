"""The body of a request, read as it comes in and never beyond the limit (RFC 9110, 8.4, 15.5.14).

The limit counts after decompression, so that a small body cannot become a large one. What a
client still sends after a refusal is thrown away by the protocol below (uvicorn).

Of a client that goes away before its body is whole nothing is written. Once it is whole, the
write takes its course, whether the client waits for the answer or not: it is committed as a
whole or not at all, and who was not told has to look.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from xinglin.fhir.outcome import Issue, Refused

Receive = Callable[[], Awaitable[Any]]

_PIECE: Final = 1024 * 1024  # bytes decompressed before others get their turn
_GZIP: Final = 16 + zlib.MAX_WBITS


class Disconnected(Exception):  # noqa: N818  (nobody is left to be told)
    """The client went away before its request was complete."""


async def body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in {b"identity", b"gzip", b"x-gzip"}:
        given: dict[str, str | int] = {"encoding": encoding.decode("latin-1")}
        issue = Issue("not-supported", "server.unsupported-encoding", "Content-Encoding", given)
        raise Refused(issue, status=415)
    length = headers.get(b"content-length", b"0")
    if len(length) > 18 or int(length) > limit:
        raise _too_large(limit)
    chunks = _chunks(receive)
    if encoding != b"identity":
        chunks = _unpacked(chunks)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        if chunk := message.get("body"):
            yield chunk


async def _unpacked(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        async for chunk in chunks:
            packed = chunk
            while packed and not unpacker.eof:
                yield unpacker.decompress(packed, _PIECE)
                packed = unpacker.unconsumed_tail
                await asyncio.sleep(0)
    except zlib.error:
        raise _broken() from None
    if not unpacker.eof or unpacker.unused_data:
        raise _broken()


def _too_large(limit: int) -> Refused:
    return Refused(Issue("too-long", "server.body-too-large", "body", {"limit": limit}), status=413)


def _broken() -> Refused:
    return Refused(Issue("structure", "server.broken-gzip", at="body"))
