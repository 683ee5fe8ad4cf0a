"""Decoding a resource is validating it: types, cardinalities, codes and formats in one pass.

What msgspec cannot refuse itself (a key given twice, nothing where something must be, a decimal
in quotes) leaves a trace that is cheap to see; only then `exactness` looks at every member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4 import model, struct
from xinglin.fhir.r4.exactness import check_exactly
from xinglin.fhir.r4.findings import issue_of
from xinglin.fhir.r4.generated.datatypes import Resource

_encoder = msgspec.json.Encoder(decimal_format="number")


class Head(msgspec.Struct, frozen=True, gc=False):
    """The members that are not part of a stored body, as they were written."""

    resourceType: Raw | UnsetType = UNSET  # noqa: N815  (FHIR's name)
    id: Raw | UnsetType = UNSET
    meta: Raw | UnsetType = UNSET


_head = msgspec.json.Decoder(Head)


@cache
def decoder(resource_type: str) -> msgspec.json.Decoder[Resource]:
    """The decoder of one resource type, made when it is first needed."""
    return msgspec.json.Decoder(struct(resource_type))


def head(text: bytes, at: str | None = None) -> tuple[str, Head]:
    """The resource type, known to be one of R4's, and the raw head of a resource."""
    try:
        found = _head.decode(text)
    except msgspec.ValidationError:
        raise Refused(Issue("structure", "fhir.not-an-object", at)) from None
    name = None if found.resourceType is UNSET else msgspec.json.decode(found.resourceType)
    if not isinstance(name, str):
        raise Refused(Issue("structure", "fhir.resource-type-missing", at))
    if name not in _CONCRETE:
        raise Refused(Issue("structure", "fhir.resource-type-unknown", at, {"type": name[:64]}))
    return name, found


_CONCRETE = frozenset(model.RESOURCE_TYPES)


def decode(
    resource_type: str, text: bytes, *, at: str | None = None, entries: bool = True
) -> Resource:
    """One resource as its Struct, all of it checked against the R4 definitions.

    Args:
        text: compact JSON, as `xinglin.fhir.json.compact` makes it.
        at: where the resource stands, for the places in refusals (`Bundle.entry[0].resource`).
        entries: whether the resources inside a Bundle or Parameters are checked too.

    Raises:
        Refused: with the first thing found wrong and its place.
    """
    root = at or resource_type
    try:
        value = decoder(resource_type).decode(text)
    except msgspec.ValidationError as error:
        check_exactly(text, None, root)
        raise Refused(issue_of(error, resource_type, text, root)) from None
    if _is_suspect(text) or _lost_something(text, value):
        check_exactly(text, value, root)
    for place, raw in _inside(value, entries=entries):
        inner = bytes(raw)
        where = f"{root}.{place}"
        decode(head(inner, where)[0], inner, at=where)
    return value


def _is_suspect(text: bytes) -> bool:
    """Whether there may be an empty object or an escaped quote; it may also be part of a string."""
    return b"{}" in text or (b"\\" in text and b"\\u0022" in text)


def _lost_something(text: bytes, value: Resource) -> bool:
    """Whether fewer quotes come out than went in: of a key given twice only the last value is
    kept, a decimal in quotes comes out without them, and nothing else changes their number."""
    return _encoder.encode(value).count(b'"') != text.count(b'"')


def _inside(value: Resource, *, entries: bool) -> Iterator[tuple[str, Raw]]:
    """The resources within a resource, with their places: the elements of type Resource."""
    contained: list[Raw] | UnsetType = getattr(value, "contained", UNSET)
    if contained is not UNSET:
        yield from ((f"contained[{n}]", raw) for n, raw in enumerate(contained))
    members = _MEMBERS.get(type(value).__name__) if entries else None
    if members:
        yield from members(value)


def _bundled(bundle: Any) -> Iterator[tuple[str, Raw]]:
    for n, entry in enumerate(bundle.entry or ()):
        if entry.resource is not UNSET:
            yield f"entry[{n}].resource", entry.resource
        if entry.response is not UNSET and entry.response.outcome is not UNSET:
            yield f"entry[{n}].response.outcome", entry.response.outcome


def _parameters(of: Any, element: str = "parameter") -> Iterator[tuple[str, Raw]]:
    for n, parameter in enumerate(getattr(of, element) or ()):
        place = f"{element}[{n}]"
        if parameter.resource is not UNSET:
            yield f"{place}.resource", parameter.resource
        for inner, raw in _parameters(parameter, "part"):
            yield f"{place}.{inner}", raw


_MEMBERS: dict[str, Callable[[Any], Iterator[tuple[str, Raw]]]] = {
    "Bundle": _bundled,
    "Parameters": _parameters,
}
