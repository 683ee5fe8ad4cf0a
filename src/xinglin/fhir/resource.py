"""A resource at the border: bytes in, a checked value and the parts to store out.

The stored form is the client's own text (FHIR R4, `decimal`: precision is part of the value).
Only what the server gives is taken out of it and put in again when the resource is read: `id`,
`meta.versionId` and `meta.lastUpdated` (R4 REST API, create and update).
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw

from xinglin.fhir.json import check_compact, compact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.decoding import Head, decode, head

_GIVEN_BY_SERVER = ("versionId", "_versionId", "lastUpdated", "_lastUpdated")
_KEPT_APART = ("resourceType", "id", "meta")

_members = msgspec.json.Decoder(dict[str, Raw])


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One parsed resource."""

    type: str
    id: str | None
    meta: bytes | None
    """Compact JSON of `meta` without versionId and lastUpdated; None if nothing remains."""
    body: bytes
    """Compact JSON object of all members but resourceType, id and meta, in their order."""
    value: msgspec.Struct
    """The whole resource, decoded and checked; resources inside it stay `msgspec.Raw`."""


def parse(
    data: bytes, *, expected: str | None = None, entries: bool = True, compacted: bool = False
) -> Resource:
    """Reads one resource strictly.

    Args:
        data: JSON in UTF-8.
        expected: the resource type that it must be, if only one can be meant.
        entries: False leaves the resources of a Bundle or Parameters unchecked, for a caller
            that parses each of them by itself.
        compacted: it is JSON without white space, cut out of a text that was read as JSON.

    Raises:
        Refused: with the first thing found wrong and its FHIRPath.
    """
    if compacted:
        check_compact(data)
    text = data if compacted else compact(data)
    resource_type, found = head(text)
    if expected is not None and resource_type != expected:
        given: dict[str, str | int] = {"expected": expected, "found": resource_type}
        raise Refused(Issue("structure", "fhir.resource-type-other", given=given))
    value = decode(resource_type, text, entries=entries)
    own_id = None if value.id is UNSET else value.id
    meta = None if found.meta is UNSET else _without_server_part(bytes(found.meta))
    return Resource(resource_type, own_id, meta, _body(text, resource_type, found), value)


def assemble(
    type: str,
    id: str,
    version: str,
    last_updated: str,
    meta: bytes | None,
    body: bytes,
) -> bytes:
    """The JSON of a stored resource, put together from the parts that `parse` took apart.

    >>> assemble("Basic", "1", "2", "2026-01-01T00:00:00Z", None, b'{"code":{"text":"x"}}')
    b'{"resourceType":"Basic","id":"1","meta":{"versionId":"2","lastUpdated":"2026-01-01T00:00:00Z"},"code":{"text":"x"}}'
    """
    start = (
        f'{{"resourceType":"{type}","id":"{id}",'
        f'"meta":{{"versionId":"{version}","lastUpdated":"{last_updated}"'
    ).encode()
    end_of_meta = b"}" if meta is None else b"," + meta[1:]
    return start + end_of_meta + (b"}" if body == b"{}" else b"," + body[1:])


def _without_server_part(meta: bytes) -> bytes | None:
    if b"versionId" not in meta and b"lastUpdated" not in meta:
        return meta
    return _object(_members.decode(meta), _GIVEN_BY_SERVER)


def _body(text: bytes, resource_type: str, found: Head) -> bytes:
    """Nearly always the three members kept apart come first, and the rest is one slice."""
    start = b'{"resourceType":"' + resource_type.encode() + b'"'
    if found.id is not UNSET:
        start += b',"id":' + bytes(found.id)
    if found.meta is not UNSET:
        start += b',"meta":' + bytes(found.meta)
    if text.startswith(start):
        return b"{" + text[len(start) :].removeprefix(b",")
    return _object(_members.decode(text), _KEPT_APART) or b"{}"


def _object(members: dict[str, Raw], without: tuple[str, ...]) -> bytes | None:
    """A JSON object again, without some members; None if nothing remains."""
    kept = [
        f'"{name}":'.encode() + bytes(raw) for name, raw in members.items() if name not in without
    ]
    return b"{" + b",".join(kept) + b"}" if kept else None
