"""Pages of other origins (Fetch standard, CORS protocol): off unless the settings name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xinglin.server.http import Header, Request, Response

_EXPOSED: Final = b"Content-Location, ETag, Last-Modified, Location"
_HEADERS: Final = (
    b"Accept, Accept-Language, Authorization, Content-Type, If-Match, If-Modified-Since, "
    b"If-None-Exist, If-None-Match, Prefer"
)


def cross_origin(request: Request, origins: Sequence[str]) -> list[Header]:
    """The headers that let a page of an allowed origin read the answer."""
    origin = request.header("origin")
    if origin is None or not (origin in origins or "*" in origins):
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    ]


def preflight(request: Request) -> Response | None:
    """The answer to a browser that asks whether it may send the request at all."""
    if request.method != "OPTIONS" or b"access-control-request-method" not in request.headers:
        return None
    return Response(
        204,
        b"",
        [
            (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", b"600"),
        ],
    )
