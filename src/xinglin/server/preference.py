"""What the client would like: the Prefer header (RFC 7240; FHIR R4, RESTful API, "Prefer")."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from xinglin.server.house import House
from xinglin.server.http import Request


class Preference(NamedTuple):
    """Empty where the client has none."""

    returns: str = ""  # minimal, representation, OperationOutcome
    handling: str = ""  # strict, lenient
    asynchronous: bool = False


def preference(request: Request) -> Preference:
    header = request.headers.get(b"prefer")
    return Preference() if header is None else _parse(header)


@lru_cache(64)
def _parse(header: bytes) -> Preference:
    given = {}
    for part in header.decode("latin-1").replace(";", ",").split(","):
        name, _, value = part.partition("=")
        given[name.strip().lower()] = value.strip().strip('"')
    return Preference(given.get("return", ""), given.get("handling", ""), "respond-async" in given)


def strict(house: House, request: Request) -> bool:
    """Whether what the server does not know is refused rather than ignored."""
    return (preference(request).handling or house.settings.handling) == "strict"
