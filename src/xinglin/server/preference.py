"""What the client would like: the Prefer header (RFC 7240; FHIR R4, RESTful API, "Prefer")."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.house import House
from xinglin.server.http import Request

_ALWAYS_KNOWN: Final = frozenset({"_format", "_pretty"})


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


def strict(house: House, request: Request, *, usually: bool = False) -> bool:
    """Whether what the server does not know is refused rather than ignored. `usually`: it is,
    whatever the rule of the house, unless the client is lenient."""
    rule = "strict" if usually else house.settings.handling
    return (preference(request).handling or rule) == "strict"


def check_known(
    house: House,
    request: Request,
    query: Iterable[tuple[str, str]],
    known: Collection[str],
    *,
    usually: bool = False,
) -> None:
    """Refused in strict handling where a parameter is none of these, nor one that any has."""
    if not strict(house, request, usually=usually):
        return
    for name, _ in query:
        if name not in known and name not in _ALWAYS_KNOWN:
            given: dict[str, str | int] = {"name": name}
            issue = Issue("not-supported", "server.unknown-parameter", at=name, given=given)
            raise Refused(issue, status=400)
