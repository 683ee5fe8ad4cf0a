"""One request and one answer, as the FHIR door sees them (RFC 9110; FHIR R4, RESTful API).

Both are small and know nothing of ASGI, so that an entry of a batch is the same thing as a
request of its own. What few requests need (query, language, base) is worked out when asked for.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import Language
from xinglin.store.face import UNRESTRICTED, Reader, Version

Header = tuple[bytes, bytes]

FHIR_JSON: Header = (b"content-type", b"application/fhir+json; charset=utf-8")

_host_shape = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?").fullmatch
_bad_escape = re.compile(r"%(?![0-9A-Fa-f]{2})").search


class Request:
    """`segments` is the path below the base, decoded: `("Patient", "123")`. Header names are in
    lower case. `reader` is who asks, and goes with every read of the store."""

    __slots__ = (
        "body",
        "compacted",
        "headers",
        "method",
        "raw_query",
        "reader",
        "segments",
        "stated_base",
        "what",
    )

    def __init__(
        self,
        method: str,
        segments: tuple[str, ...],
        *,
        raw_query: str = "",
        headers: Mapping[bytes, bytes] | None = None,
        body: bytes = b"",
        reader: Reader = UNRESTRICTED,
        base: str | None = None,
        compacted: bool = False,
    ) -> None:
        self.method = method
        self.segments = segments
        self.raw_query = raw_query
        self.headers = headers or {}
        self.body = body
        self.reader = reader
        self.stated_base = base
        self.compacted = compacted  # the body is JSON without white space, cut out of another
        self.what = ""  # the interaction it turned out to be, for metrics and logs

    def header(self, name: str) -> str | None:
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    @property
    def query(self) -> list[tuple[str, str]]:
        """The pairs of the query string, in their order. Refused where it cannot be decoded."""
        return pairs(self.raw_query) if self.raw_query else []

    @property
    def base(self) -> str:
        """The base address without a slash at its end: `http://127.0.0.1:8080/fhir`."""
        if self.stated_base is not None:
            return self.stated_base
        return _base(self.headers.get(b"host", b""))

    @property
    def language(self) -> Language:
        return language(self.header("accept-language"))


class Response:
    """`body` is the whole text, or a stream of its parts. `version` is the version that the
    answer is about, where it is about one: an entry of a batch says more of it than HTTP can."""

    __slots__ = ("body", "headers", "status", "version")

    def __init__(
        self,
        status: int,
        body: bytes | AsyncIterator[bytes] = b"",
        headers: Sequence[Header] = (),
        version: Version | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.version = version


@lru_cache(64)
def _base(host: bytes) -> str:
    """Whatever a client claims to be its host comes back in links: let only a host through."""
    name = host.decode("latin-1")
    return f"http://{name if _host_shape(name) else 'localhost'}/fhir"


def pairs(text: str) -> list[tuple[str, str]]:
    """`a=1&b=%20x` as pairs (application/x-www-form-urlencoded)."""
    found = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((decoded(name, plus=True), decoded(value, plus=True)))
    return found


def decoded(text: str, *, plus: bool = False) -> str:
    """Undo percent-encoding; refused where that leaves no UTF-8, or a null byte."""
    if plus and "+" in text:
        text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    try:
        if _bad_escape(text):
            raise ValueError(text)
        plain = unquote_to_bytes(text).decode()
    except ValueError:
        raise Refused(Issue("invalid", "server.bad-percent-encoding", at="url")) from None
    if "\0" in plain:
        raise Refused(Issue("invalid", "server.bad-percent-encoding", at="url"))
    return plain


def language(accept: str | None) -> Language:
    """Of `zh-CN,zh;q=0.9,en;q=0.8` the first of ours; English where none is asked for."""
    best: tuple[float, Language] = (0.0, "en")
    for part in (accept or "").lower().split(","):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        name = tag.strip().partition("-")[0]
        if quality > best[0] and (name == "en" or name == "zh"):
            best = (quality, "zh" if name == "zh" else "en")
    return best[1]
