"""Conditions on versions: ETag, If-Match, If-None-Match, If-Modified-Since
(FHIR R4, RESTful API, "Managing Resource Contention" and "Conditional read"; RFC 9110, 13).
"""

from __future__ import annotations

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.http import Request
from xinglin.server.moments import second_of
from xinglin.store.face import Version


def etag(version: Version) -> bytes:
    return b'W/"%d"' % version.version


def unchanged(request: Request, version: Version) -> bool:
    """Whether a conditional read needs no content: the client has this version already."""
    known = request.headers.get(b"if-none-match")
    if known is not None:  # If-Modified-Since does not count then (RFC 9110, 13.1.3)
        return _names(known, version)
    since = request.header("if-modified-since")
    second = second_of(since) if since else None
    return second is not None and version.t // 1_000_000 <= second


def check_match(request: Request, current: Version | None) -> None:
    """Refused with 412 unless the version to be changed is the one the client has seen."""
    seen = request.headers.get(b"if-match")
    if seen is not None and not _names(seen, current):
        raise _conflict("If-Match", current)
    unseen = request.headers.get(b"if-none-match")
    if unseen is not None and _names(unseen, current):
        raise _conflict("If-None-Match", current)


def _names(tags: bytes, version: Version | None) -> bool:
    """Whether the list of tags holds this version's; `*` is any that exists."""
    if version is None or version.body is None:
        return False
    number = b"%d" % version.version
    # FHIR's tags are weak, W/"3"; clients write "3" and 3 as well, which can mean nothing else.
    names = {tag.strip().removeprefix(b"W/").strip(b'"') for tag in tags.split(b",")}
    return number in names or b"*" in names


def _conflict(header: str, current: Version | None) -> Refused:
    if current is None or current.body is None:
        issue = Issue("conflict", "server.nothing-to-match", at=header)
    else:
        given: dict[str, str | int] = {"version": current.version}
        issue = Issue("conflict", "server.version-conflict", at=header, given=given)
    return Refused(issue, status=412)
