"""Requests as the bytes that go on the wire, made before the clock runs (RFC 9112)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

_FHIR = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `what` names the row that it counts in, `resources` how many resources it
    carries or returns, and `expected` what a right answer has in it somewhere."""

    what: str
    data: bytes
    resources: int = 0
    expected: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    location: str
    body: bytes


Script = Generator[Ask, Answer, None]


class Workload(Protocol):
    def user(self, number: int, users: int) -> Script:
        """What one of the virtual users asks, again and again. It goes to another process."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """A FHIR base address, and the headers that every request to it carries."""

    base: str  # http://127.0.0.1:8080/fhir
    headers: Sequence[str] = ()  # "Authorization: Bearer …"

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or "localhost"

    @property
    def tls(self) -> bool:
        return urlsplit(self.base).scheme == "https"

    @property
    def port(self) -> int:
        return urlsplit(self.base).port or (443 if self.tls else 80)

    def ask(
        self, what: str, method: str, path: str, body: bytes = b"", *, resources: int = 1
    ) -> Ask:
        """A request below the base. A search is asked strictly: a server that does not know a
        parameter must not look fast by ignoring it."""
        at = urlsplit(self.base)
        target = at.path.rstrip("/") + (f"/{path}" if path else "")
        lines = [f"{method} {target or '/'} HTTP/1.1", f"Host: {at.netloc.rpartition('@')[2]}"]
        lines += [f"Accept: {_FHIR}", *self.headers]
        if "?" in path:
            lines.append("Prefer: handling=strict")
        if method in ("POST", "PUT"):
            lines += [f"Content-Type: {_FHIR}", f"Content-Length: {len(body)}"]
        return Ask(what, "\r\n".join((*lines, "", "")).encode() + body, resources)
