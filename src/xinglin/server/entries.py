"""Entries of a batch or transaction, as requests of their own and as answers
(FHIR R4, RESTful API, "batch/transaction"; Bundle.entry.request and .response).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from xinglin.fhir.bundle import Entry
from xinglin.fhir.bundle import Request as Asked
from xinglin.fhir.json import parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import Language
from xinglin.server.conditions import etag
from xinglin.server.http import Request, Response, decoded
from xinglin.server.media import PATCHES
from xinglin.server.refusal import outcome_text, status
from xinglin.store.face import instant

# The order in which a server carries entries out, whatever order they stand in.
PHASE: Final[Mapping[str, int]] = {
    "DELETE": 0,
    "POST": 1,
    "PUT": 2,
    "PATCH": 2,
    "GET": 3,
    "HEAD": 3,
}
PHASES: Final = range(4)

_READING: Final = frozenset({"GET", "HEAD"})
_WITH_RESOURCE: Final = frozenset({"POST", "PUT", "PATCH"})
_INHERITED: Final = (b"accept-language", b"host", b"prefer")
_OUTCOME: Final = b'{"resourceType":"OperationOutcome"'


def inherited(outer: Request) -> dict[bytes, bytes]:
    """What the headers of the bundle say for each of its entries. An answer repeats no resource
    unless that was asked for: who sends a thousand rarely wants them back."""
    headers = {name: outer.headers[name] for name in _INHERITED if name in outer.headers}
    return {b"prefer": b"return=minimal", **headers}


def asked_of(entry: Entry) -> Asked:
    """Refused where an entry does not say what to do."""
    if entry.request is None:
        raise Refused(Issue("required", "server.entry-without-request", at="request"), status=400)
    return entry.request


def phase(entry: Entry) -> int:
    return PHASE[asked_of(entry).method]


def as_request(
    outer: Request, entry: Entry, headers: dict[bytes, bytes], body: bytes | None
) -> Request:
    """The request that an entry stands for, with `body` as its resource."""
    asked = asked_of(entry)
    segments, query = _address(asked.url, outer.base)
    _check_complete(asked, segments, query, body)
    if asked.if_match or asked.if_none_match or asked.if_none_exist or asked.if_modified_since:
        conditions = {
            b"if-match": asked.if_match,
            b"if-none-match": asked.if_none_match,
            b"if-none-exist": asked.if_none_exist,
            b"if-modified-since": asked.if_modified_since,
        }
        headers = headers | {name: text.encode() for name, text in conditions.items() if text}
    if asked.method == "PATCH":
        body, content_type = _patch_document(body)
        headers = headers | {b"content-type": content_type}
    return Request(
        "GET" if asked.method == "HEAD" else asked.method,
        segments,
        raw_query=query,
        headers=headers,
        body=body or b"",
        reader=outer.reader,
        base=outer.base,
        compacted=body is not None and asked.method != "PATCH",
    )


def _check_complete(
    asked: Asked, segments: tuple[str, ...], query: str, body: bytes | None
) -> None:
    """Of requests to the base only a search can be an entry: a Bundle within a Bundle would not
    be held to what is asked of the entries around it."""
    if not segments and not (asked.method in _READING and query):
        raise Refused(Issue("required", "server.entry-without-url", at="request.url"), status=400)
    writes = asked.method in _WITH_RESOURCE and not segments[-1].startswith(("$", "_search"))
    if writes and body is None:
        raise Refused(Issue("required", "server.entry-without-resource", at="resource"), status=400)


@lru_cache(1024)  # the creates of a bundle have few addresses
def _address(url: str, base: str) -> tuple[tuple[str, ...], str]:
    """Path and query below the base, which the address may begin with."""
    path, _, query = url.removeprefix(base).partition("?")
    return tuple(decoded(part) for part in path.split("/") if part), query


def as_entry(request: Request, response: Response) -> bytes:
    """The answer to one entry. A stream cannot be one."""
    body, version = response.body, response.version
    if not isinstance(body, bytes):
        raise Refused(Issue("not-supported", "server.not-in-bundle", at="request.url"))
    parts = []
    if version is not None and body:
        parts.append(f'"fullUrl":"{request.base}/{version.type}/{version.id}",'.encode())
    outcome = body.startswith(_OUTCOME)
    if body and not outcome:
        parts.append(b'"resource":%b,' % body)
    parts.append(b'"response":{"status":"%d"' % response.status)
    if version is not None:
        parts.append(_about(request.base, version.type, version.id, version.version))
        tag = etag(version).replace(b'"', b'\\"')
        parts.append(b',"etag":"%b","lastModified":"%b"' % (tag, instant(version.t).encode()))
    if outcome:
        parts.append(b',"outcome":%b' % body)
    return b"{%b}}" % b"".join(parts)


def refused_entry(refused: Refused, language: Language) -> bytes:
    """An entry that was not carried out, and why."""
    outcome = outcome_text(refused.issues, language)
    return b'{"response":{"status":"%d","outcome":%b}}' % (status(refused), outcome)


def placed(refused: Refused, index: int) -> Refused:
    """The same refusal, with its place in the bundle instead of in the entry's resource."""
    entry = f"Bundle.entry[{index}]"
    issues = []
    for issue in refused.issues:
        root, dot, path = (issue.at or "").partition(".")
        inside = root == "resource" or (dot and root[0].isupper())
        at = f"{entry}.resource{dot}{path}" if inside else f"{entry}.request"
        issues.append(Issue(issue.code, issue.key, at, issue.given, issue.severity))
    return Refused(*issues, status=status(refused))


def _about(base: str, type: str, id: str, version: int) -> bytes:
    return f',"location":"{base}/{type}/{id}/_history/{version}"'.encode()


def _patch_document(body: bytes | None) -> tuple[bytes, bytes]:
    """The patch that a Binary carries, and its type (R4, RESTful API, "patch" in a transaction)."""
    binary = parse_exact(body or b"null")
    if isinstance(binary, dict) and binary.get("contentType") in PATCHES:
        try:
            data = b64decode(str(binary.get("data", "")), validate=True)
            return data, str(binary["contentType"]).encode()
        except binascii.Error:
            pass
    raise Refused(Issue("value", "server.patch-not-binary", at="Binary.data"), status=400)
