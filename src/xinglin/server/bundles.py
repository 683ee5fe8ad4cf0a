"""Bundles put together from stored bytes, which are never decoded
(FHIR R4, Bundle; types searchset and history).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xinglin.fhir.json import dump_exact
from xinglin.store.face import Version, instant

Link = tuple[str, str]  # relation, url


def bundle(
    type: str, entries: Sequence[bytes], *, total: int | None = None, links: Iterable[Link] = ()
) -> bytes:
    """A whole Bundle; `entries` are the texts of its entries."""
    parts = [b'{"resourceType":"Bundle","type":"%b"' % type.encode()]
    if total is not None:
        parts.append(b',"total":%d' % total)
    shown = [{"relation": relation, "url": url} for relation, url in links]
    if shown:
        parts.append(b',"link":' + dump_exact(shown))
    if entries:  # FHIR knows no empty array
        parts.append(b',"entry":[' + b",".join(entries) + b"]")
    parts.append(b"}")
    return b"".join(parts)


def search_entry(base: bytes, version: Version, content: bytes, mode: bytes) -> bytes:
    """`mode` is match or include. What is put in between needs no escaping: types and ids
    are letters, digits, - and ."""
    return b'{"fullUrl":"%b/%b/%b","resource":%b,"search":{"mode":"%b"}}' % (
        base,
        version.type.encode(),
        version.id.encode(),
        content,
        mode,
    )


def outcome_entry(outcome: bytes) -> bytes:
    """What the search did otherwise than asked."""
    return b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome


def history_entry(base: bytes, version: Version, content: bytes | None) -> bytes:
    """How this version came to be: the request, and the answer it got."""
    path = f"{version.type}/{version.id}".encode()
    url = version.type.encode() if version.method == "POST" else path
    resource = b"" if content is None else b'"resource":%b,' % content
    return b"".join(
        (
            b'{"fullUrl":"%b/%b",%b' % (base, path, resource),
            b'"request":{"method":"%b","url":"%b"},' % (version.method.encode(), url),
            b'"response":{"status":"%b","etag":"W/\\"%d\\"",' % (_status(version), version.version),
            b'"lastModified":"%b"}}' % instant(version.t).encode(),
        )
    )


def _status(version: Version) -> bytes:
    if version.body is None:
        return b"204"
    return b"201" if version.version == 1 else b"200"
