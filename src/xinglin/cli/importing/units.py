"""What is in a source, as Bundles to be carried out (FHIR R4, Bundle; NDJSON).

A transaction stays one; everything else is tried as one too, because that is faster and can be
taken up again exactly where it ended, and only when it is refused entry by entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from xinglin.cli.importing.sources import Source, opened
from xinglin.cli.record.door import Kind
from xinglin.fhir.bundle import Bundle, Entry, Links, Request, aliases, split
from xinglin.fhir.outcome import Issue, Refused

COMPLETE: Final = 1 << 40  # lines: more than any source has

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_AT_A_TIME: Final = 500  # lines
_BYTES_AT_A_TIME: Final = 16 << 20  # and no further line after that
_NO_LIMIT: Final = 1_000_000_000
_ALONE: Final = ("collection", "searchset")
_CONDITIONAL: Final = re.compile(rb'"reference"\s*:\s*"[A-Z][A-Za-z]+\?')


class _Head(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType")
    type: msgspec.Raw = msgspec.Raw()
    id: str | None = None


class Fault(NamedTuple):
    """A line that is no resource at all, so that it cannot even stand in a Bundle."""

    line: int
    issue: Issue


@dataclass(frozen=True, slots=True)
class Unit:
    """A Bundle of a source. `reached`: what to note when it is in; `origin`: what it was, for
    a transaction stands or falls as one; `lines`: of NDJSON, where each entry stands."""

    bundle: Bundle
    reached: int
    origin: Literal["transaction", "batch", "resources"] = "resources"
    lines: Sequence[int] = ()
    faults: Sequence[Fault] = ()

    @property
    def depends(self) -> bool:
        """Whether it refers to what must be there before."""
        return any(_CONDITIONAL.search(entry.resource) for entry in self.bundle.entries)

    def text(self, kind: Kind) -> bytes:
        return msgspec.json.encode(msgspec.structs.replace(self.bundle, type=kind))

    def apart(self) -> Unit:
        """The same to be carried out entry by entry. Those of a batch never needed one another;
        others are written each under its own id now, and say the ids of the rest."""
        if self.origin == "batch":
            return self
        entries = [kept_id(entry) for entry in self.bundle.entries]
        targets = {
            alias: entry.request.url
            for entry in entries
            if entry.full_url and entry.request and entry.request.method == "PUT"
            for alias in aliases(entry.full_url)
            if alias != entry.request.url
        }
        links = Links(targets)
        linked = [
            msgspec.structs.replace(
                entry, resource=msgspec.Raw(links.replaced(entry.body, _type(entry.body)))
            )
            if entry.body
            else entry
            for entry in entries
        ]
        return replace(self, bundle=_bundle(linked))


def units(source: Source, begin: int, *, keep_ids: bool) -> Iterator[Unit]:
    """The units that are not in yet: those after line `begin`.

    Raises: Refused for a document that cannot be taken in, OSError and others for a broken file.
    """
    with opened(source) as file:
        if source.is_lines:
            yield from _lines(file, begin)
        else:
            yield _document(file.read(), keep_ids=keep_ids)


def _lines(file: Iterable[bytes], begin: int) -> Iterator[Unit]:
    numbered = islice(enumerate(file, 1), begin, None)
    while some := _some(numbered):
        entries: dict[int, Entry] = {}
        faults = []
        for number, line in some:
            try:
                if line.strip():
                    entries[number] = _own(line)
            except Refused as refused:
                faults.append(Fault(number, refused.issues[0]))
        reached, _ = some[-1]
        yield Unit(_bundle(list(entries.values())), reached, lines=list(entries), faults=faults)


def _some(numbered: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Some of the lines, which go into one transaction: others who write wait for it."""
    some, size = [], 0
    for number, line in numbered:
        some.append((number, line))
        size += len(line)
        if len(some) == _AT_A_TIME or size >= _BYTES_AT_A_TIME:
            break
    return some


def _document(data: bytes, *, keep_ids: bool) -> Unit:
    data = data.removeprefix(_BYTE_ORDER_MARK)
    head = _head(data)
    if head.resource_type != "Bundle":
        return Unit(_bundle([_own(data)]), COMPLETE)
    bundle = split(data, limit=_NO_LIMIT)
    if bundle.type == "transaction" or bundle.type == "batch":
        entries = bundle.entries
        if keep_ids:
            entries = [kept_id(entry) for entry in entries]
        return Unit(_bundle(entries), COMPLETE, bundle.type)
    if bundle.type not in _ALONE:
        given: dict[str, str | int] = {"type": bundle.type}
        raise Refused(Issue("not-supported", "cli.bundle-type", "Bundle.type", given))
    own = [_own(entry.body, entry.full_url) for entry in bundle.entries if entry.body]
    return Unit(_bundle(own), COMPLETE)


def _own(resource: bytes, full_url: str | None = None) -> Entry:
    """A resource to be written under its own id, or a new one if it has none. What is wrong
    with it is for the record to say."""
    head = _head(resource)
    url = f"{head.resource_type}/{head.id}" if head.id else head.resource_type
    request = Request("PUT" if head.id else "POST", url)
    return Entry(full_url=full_url, resource=msgspec.Raw(resource), request=request)


def kept_id(entry: Entry) -> Entry:
    """A create as an update under the id that the resource has, or its fullUrl names: done
    twice, it changes nothing."""
    if entry.request is None or entry.request.method != "POST" or entry.body is None:
        return entry
    head = _head(entry.body)
    id = head.id or _uuid(entry.full_url)
    if id is None:
        return entry
    request = Request("PUT", f"{head.resource_type}/{id}")
    resource = entry.resource
    if head.id is None:
        resource = msgspec.Raw(b'{"id":"%b",' % id.encode() + entry.body[1:])
    return msgspec.structs.replace(entry, resource=resource, request=request)


def _uuid(full_url: str | None) -> str | None:
    if full_url is None or not full_url.startswith("urn:uuid:"):
        return None
    return urlsplit(full_url).path.removeprefix("uuid:")


def _bundle(entries: Sequence[Entry]) -> Bundle:
    return Bundle(type="transaction", resource_type="Bundle", entries=entries)


def _type(body: bytes) -> str:
    return _head(body).resource_type


def _head(data: bytes) -> _Head:
    try:
        return msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Issue("structure", "cli.no-resource")) from error
