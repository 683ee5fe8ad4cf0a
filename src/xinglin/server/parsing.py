"""The resource in the body of a request."""

from __future__ import annotations

from functools import partial
from typing import Final

from xinglin.fhir.references import relative
from xinglin.fhir.resource import Resource, parse
from xinglin.server.house import House
from xinglin.server.http import Request

LARGE: Final = 256 * 1024  # bytes; from here on reading the text would be felt by other requests


async def parsed(house: House, request: Request, type: str) -> Resource:
    """Raises Refused for everything that is wrong with it."""
    if len(request.body) < LARGE:
        return _read(request, type)
    return await house.aside(partial(_read, request, type))


def _read(request: Request, type: str) -> Resource:
    text = relative(request.body, request.base)
    return parse(text, expected=type, compacted=request.compacted)
