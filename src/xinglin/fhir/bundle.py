"""Bundles: taken apart into entries, and the links between entries made real
(FHIR R4, Bundle; RESTful API, "Batch/Transaction", 3.1.0.11).

Resources stay bytes: a bundle of thousands is split without reading what is in them, and links
are replaced in the text by searching it for the values that could be one. That costs about as
much as copying the resource; walking the JSON would cost ten times more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final, Literal

import msgspec

from xinglin.fhir import json
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4 import model

BundleType = Literal[
    "document",
    "message",
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "history",
    "searchset",
    "collection",
]
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]


class Request(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True, frozen=True
):
    """Bundle.entry.request: what to do with the entry."""

    method: Method
    url: str
    if_none_exist: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    id: str | None = None
    extension: msgspec.Raw = msgspec.Raw()


class Entry(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True, frozen=True
):
    """Bundle.entry. `body` is the resource as compact JSON, or None."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    request: Request | None = None
    id: str | None = None
    extension: msgspec.Raw = msgspec.Raw()
    link: msgspec.Raw = msgspec.Raw()
    search: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()

    @property
    def body(self) -> bytes | None:
        return bytes(self.resource) or None


class Bundle(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True, frozen=True
):
    type: BundleType
    resource_type: Literal["Bundle"]
    entries: Sequence[Entry] = msgspec.field(default=(), name="entry")
    id: str | None = None
    meta: msgspec.Raw = msgspec.Raw()
    implicit_rules: str | None = None
    language: str | None = None
    identifier: msgspec.Raw = msgspec.Raw()
    timestamp: str | None = None
    total: int | None = None
    link: msgspec.Raw = msgspec.Raw()
    signature: msgspec.Raw = msgspec.Raw()


_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder(Bundle)
_encoder = msgspec.json.Encoder()
_needless_escape = re.compile(rb"\\(?:/|u00[2-7])").search
_escape = re.compile(rb"\\(?:u00([2-7][0-9A-Fa-f])|.)")
_place = re.compile(r" - at `\$(.*)`$")
_field = re.compile(r"(unknown|required) field `(.*?)`")


def split(data: bytes, *, limit: int) -> Bundle:
    """Take a Bundle apart.

    Raises:
        Refused: it is not JSON, or not a Bundle; an element of it or of its entries is unknown,
            missing, given twice or of the wrong kind (the resources themselves are not read);
            or there are more entries than `limit`.
    """
    text = compact(data)
    try:
        bundle = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(_issue(str(error))) from error
    # What was left out in reading took its quotes along: the first of two, or null.
    if _encoder.encode(bundle).count(b'"') != text.count(b'"'):
        json.check_members(text, "Bundle")
    if len(bundle.entries) > limit:
        given: dict[str, str | int] = {"entries": len(bundle.entries), "limit": limit}
        issue = Issue("too-long", "fhir.bundle-too-long", at="Bundle.entry", given=given)
        raise Refused(issue, status=413)
    return bundle


def compact(data: bytes) -> bytes:
    """The same JSON without white space, and with every plain character written plainly:
    what `\\u0022` or `\\/` hides cannot be found by searching."""
    try:
        text: bytes = msgspec.json.format(data.removeprefix(_BYTE_ORDER_MARK), indent=-1)
    except (msgspec.DecodeError, RecursionError):
        # That looks closer than is needed here, where each resource is read later; and it says
        # in which line the fault is.
        text = json.compact(data)
    return _escape.sub(_plain, text) if _needless_escape(text) else text


def _plain(escape: re.Match[bytes]) -> bytes:
    """An escape as it has to be written, which nearly always is the character itself."""
    if escape[0] == b"\\/":
        return b"/"
    sign = bytes.fromhex(escape[1].decode()) if escape[1] else None
    if sign is None:
        return escape[0]
    return b"\\" + sign if sign in b'"\\' else sign


def _issue(message: str) -> Issue:
    """What msgspec says was wrong, as an issue with its FHIRPath."""
    place = _place.search(message)
    if place is None and "field" not in message:
        return Issue("structure", "fhir.bundle-unreadable", at="Bundle")
    at = "Bundle" + (place[1] if place else "")
    named = _field.search(message)
    if named is None:
        return Issue("value", "fhir.bundle-value", at=at, given={"element": at})
    unknown = named[1] == "unknown"
    return Issue(
        "structure" if unknown else "required",
        "fhir.bundle-unknown-element" if unknown else "fhir.bundle-missing-element",
        at=at,
        given={"element": named[2], "place": at},
    )


_restful = re.compile(r".*/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})").fullmatch


def aliases(full_url: str) -> Sequence[str]:
    """By which values other entries may refer to the one with this fullUrl: that itself, and,
    if it looks like an address of a FHIR server, "Type/id" (R4, Bundle, 2.36.4.1).

    >>> aliases("https://example.org/fhir/Patient/23")
    ['https://example.org/fhir/Patient/23', 'Patient/23']
    """
    restful = _restful(full_url)
    return [full_url, restful[1]] if restful else [full_url]


_CONDITIONAL: Final = re.compile(
    rb'"reference":"([A-Z][A-Za-z]+\?[^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL
)
_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_ELEMENT: Final = re.compile(
    rb'"(\w+)":(%b|\[%b(?:,%b)*\])' % (_STRING, _STRING, _STRING), re.DOTALL
)
_VALUE: Final = re.compile(_STRING, re.DOTALL)
_NARRATIVE: Final = re.compile(rb'"div":"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ATTRIBUTE: Final = re.compile(rb"""((?:href|src)\s*=\s*(?:\\"|'))([^"'\\]+)""")
_STEM: Final = re.compile(rb'[^"\\#]*')


class Links:
    """Replaces the links between the entries of a bundle by links to what they became.

    A link is the whole value, with or without a #fragment, of Reference.reference, of an
    element of type uri, url, canonical, oid or uuid, or of href and src in the narrative.
    A text that happens to look the same stays: `Identifier.value` may well be a urn:uuid.
    """

    def __init__(
        self, targets: Mapping[str, str], conditional: Callable[[str], str] | None = None
    ) -> None:
        """`targets`: what to replace by what (`urn:uuid:…` → `Patient/23`).

        `conditional`: finds what a conditional reference (`Practitioner?identifier=…`) refers
        to, or raises; asked once for each. Without it they stay as they are.
        """
        self._targets = {key.encode(): target.encode() for key, target in targets.items()}
        self._beginnings = sorted({_beginning(key) for key in self._targets})
        self._conditional = conditional
        self._found: dict[bytes, bytes] = {}

    def replaced(self, body: bytes, type: str) -> bytes:
        """A resource, compact and without needless escapes, with its links replaced.

        Where a type has a text of the same name as one of its links (`TestScript` has a `url`
        of type string too), elements of that name are left as they are.
        """
        if self._conditional is not None and b"?" in body:
            body = _CONDITIONAL.sub(self._condition, body)
        elsewhere = b"'" in body  # of an attribute in the narrative, perhaps
        for beginning in self._beginnings:
            body, others = self._in_references(body, beginning)
            elsewhere = elsewhere or others
        return self._elsewhere(body, type) if elsewhere else body

    def _condition(self, match: re.Match[bytes]) -> bytes:
        written = match[1]
        if written not in self._found:
            assert self._conditional is not None  # noqa: S101  (the caller looked)
            condition = msgspec.json.decode(b'"' + written + b'"', type=str)
            self._found[written] = self._conditional(condition).encode()
        return b'"reference":"' + self._found[written] + b'"'

    def _in_references(self, body: bytes, beginning: bytes) -> tuple[bytes, bool]:
        """Cut the text where a value begins as links do: nearly always a plain reference.
        Also says whether there may be links elsewhere, which need the slower look."""
        targets = self._targets
        cuts = body.split(b'"' + beginning)
        pieces = [cuts[0]]
        elsewhere = False
        for place in range(1, len(cuts)):
            piece = cuts[place]
            end = piece.find(b'"')
            target = targets.get(beginning + piece[:end])
            if target is not None and cuts[place - 1].endswith(b'"reference":'):
                pieces.append(target + piece[end:])
                continue
            pieces.append(beginning + piece)
            elsewhere = elsewhere or self._target(beginning + _stem(piece)) is not None
        return b'"'.join(pieces), elsewhere

    def _elsewhere(self, body: bytes, type: str) -> bytes:
        body = _ELEMENT.sub(lambda match: self._element(match, type), body)
        return _NARRATIVE.sub(self._narrative, body)

    def _target(self, value: bytes) -> bytes | None:
        whole, mark, fragment = value.partition(b"#")
        target = self._targets.get(whole)
        return None if target is None else target + mark + fragment

    def _element(self, element: re.Match[bytes], type: str) -> bytes:
        name, values = element.groups()
        if not _links(type, name):
            return element[0]
        values = _VALUE.sub(self._value, values)
        return b'"' + name + b'":' + values

    def _value(self, string: re.Match[bytes]) -> bytes:
        target = self._target(string[0][1:-1])
        return string[0] if target is None else b'"' + target + b'"'

    def _narrative(self, narrative: re.Match[bytes]) -> bytes:
        return _ATTRIBUTE.sub(
            lambda found: found[1] + (self._target(found[2]) or found[2]), narrative[0]
        )


def _beginning(key: bytes) -> bytes:
    """As far as all links of one kind agree: `urn:`, `https:`, `Patient/`."""
    kind = re.match(rb"[^:/]*[:/]", key)
    return kind[0] if kind else key


def _stem(piece: bytes) -> bytes:
    """A value's text up to its fragment, or to the quote that ends the attribute it is in."""
    stem = _STEM.match(piece)
    return stem[0] if stem else b""


@cache
def _links(type: str, name: bytes) -> bool:
    """Whether this property of this resource type may hold a link."""
    if name == b"reference":
        return True
    return name.decode() in model.URI_ELEMENTS and name.decode() not in _texts(type)


@cache
def _texts(type: str) -> frozenset[str]:
    """The elements anywhere in a resource type that may hold any text: also a code, such as a
    `Coding.code` of urn:oid:…, unless FHIR lists the codes allowed."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = {type}
    while waiting:
        seen.add(inside := waiting.pop())
        for element in model.elements(inside).values():
            if {"string", "markdown"} & set(element.types) or (
                "code" in element.types and not element.binding
            ):
                found.add(element.name)
            waiting |= {t for t in element.types if t not in seen and not model.is_resource(t)}
    return frozenset(found)
