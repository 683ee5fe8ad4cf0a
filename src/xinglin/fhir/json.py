"""JSON at the border: strict, and without losing a digit (RFC 8259; FHIR R4, JSON representation).

`72.50` is not `72.5`: the written precision is part of the value. So `compact` removes white
space and changes nothing else, and `parse_exact` reads numbers with a fraction or an exponent as
`Decimal`, to be written with every digit again. One byte order mark at the beginning is ignored,
as RFC 8259 section 8.1 permits.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from xinglin.fhir.outcome import Issue, Refused

# A JSON document read exactly: dict, list, str, int, Decimal, bool, None.
Json = Any

MAX_DEPTH = 100  # levels of objects and arrays; real resources have fewer than 30

_BYTE = re.compile(r"\(byte (\d+)\)")
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_SKELETON = bytes(c for c in range(256) if c not in b'{}[]"')

# Either a good escape, or (group 1) one that FHIR does not allow: half a surrogate pair, or a
# control character other than tab, line feed and carriage return (R4 datatypes, "string").
_ESCAPE = re.compile(
    rb"""\\(?:["\\/nrt]
    | u(?:(?!00[01]|[dD][89a-fA-F])[0-9a-fA-F]{4}
        | 000[9aAdD]
        | [dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))
    | (\\)""",
    re.VERBOSE,
)

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def parse_exact(data: bytes) -> Json:
    """Read one JSON document, with `Decimal` for every number that is not an integer.

    Raises:
        Refused: it is not JSON, it is nested too deeply to be read, or an object in it has a
            member twice, of which a reader would keep the last.

    >>> parse_exact(b'[72.50, 1]')
    [Decimal('72.50'), 1]
    """
    try:
        document = _decoder.decode(data)
        # A member that was lost took its quotes along; an escaped quote brings back one.
        if _encoder.encode(document).count(b'"') != data.count(b'"') or b"\\u0022" in data:
            check_members(data)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation) as error:
        raise Refused(Issue("structure", "fhir.json-unreadable")) from error
    except RecursionError as error:
        raise Refused(Issue("structure", "fhir.json-too-deep")) from error
    return document


def check_members(data: bytes, at: str = "") -> None:
    """A slow look at every object of a document that is known to be JSON.

    Args:
        at: the place of the document, with which the place of the member begins.

    Raises:
        Refused: naming the first member that is given twice.
    """
    text = data.decode(errors="replace")
    try:
        document = json.loads(text, object_pairs_hook=_Object, parse_int=str, parse_float=str)
        _check_members(document, at)
    except RecursionError:
        raise _too_deep() from None


class _Object(list[tuple[str, Any]]):
    """A JSON object as its members, so that one given twice is still there twice."""


def _check_members(found: Any, at: str) -> None:
    if isinstance(found, _Object):
        names: set[str] = set()
        for name, _ in found:
            if name in names:
                place = f"{at}.{name}".removeprefix(".")
                given: dict[str, str | int] = {"name": name}
                raise Refused(Issue("structure", "fhir.element-twice", at=place, given=given))
            names.add(name)
        for name, value in found:
            _check_members(value, f"{at}.{name}")
    elif isinstance(found, list):
        for index, value in enumerate(found):
            _check_members(value, f"{at}[{index}]")


def dump_exact(document: Json) -> bytes:
    """Write compact UTF-8 JSON; what `parse_exact` read comes out with the same digits.

    >>> dump_exact({"value": Decimal("72.50")})
    b'{"value":72.50}'
    """
    try:
        return _encoder.encode(document)
    except RecursionError as error:
        raise Refused(Issue("structure", "fhir.json-too-deep")) from error


def compact(data: bytes, *, max_depth: int = MAX_DEPTH) -> bytes:
    """The same document without white space between its tokens; all else is kept byte for byte.

    Raises:
        Refused: it is not JSON in UTF-8, it is nested too deeply, or a string holds a character
            that FHIR forbids. `line` and `column` are given.

    >>> compact(b' { "value" : 1.10 } ')
    b'{"value":1.10}'
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii():
        _check_utf8(data)
    try:
        text: bytes = msgspec.json.format(data, indent=-1)
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        if not found or "surrogate" in str(error):  # a pair may end too early, or the text
            _check_escapes(data)
        raise _refused("fhir.json-malformed", data, int(found[1]) if found else len(data)) from None
    except RecursionError:
        raise _too_deep() from None
    _check_content(text, max_depth)
    return text


def check_compact(text: bytes, *, max_depth: int = MAX_DEPTH) -> None:
    """All that `compact` looks at, of JSON that has no white space any more.

    Raises: Refused, as `compact` does.
    """
    if not text.isascii():
        _check_utf8(text)
    _check_content(text, max_depth)


def _check_content(text: bytes, max_depth: int) -> None:
    if b"\\" in text and (b"\\u" in text or b"\\b" in text or b"\\f" in text):
        _check_escapes(text)
    if _deeper_than(max_depth, text):
        raise _too_deep()


def _check_utf8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise _refused("fhir.json-not-utf-8", data, error.start) from None


def _check_escapes(data: bytes) -> None:
    """Refuses what a string may not hold; it must be escaped there, so only escapes are seen."""
    for found in _ESCAPE.finditer(data):
        if found[1]:
            raise _refused("fhir.json-forbidden-character", data, found.start())


def _deeper_than(limit: int, text: bytes) -> bool:
    """Whether a well-formed, compact document nests deeper, found without recursion: each turn
    takes away the innermost brackets."""
    if text.count(b"{") + text.count(b"[") <= limit:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    skeleton = text.translate(_TO_SQUARE, _NO_SKELETON)
    brackets = skeleton.replace(b'""', b"")
    if b'"' in brackets:  # some string holds brackets, which do not count
        brackets = b"".join(skeleton.split(b'"')[::2])
    for _ in range(limit):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _refused(key: str, data: bytes, offset: int) -> Refused:
    line = data.count(b"\n", 0, offset) + 1
    column = len(data[data.rfind(b"\n", 0, offset) + 1 : offset].decode(errors="replace")) + 1
    where: dict[str, str | int] = {"line": line, "column": column}
    return Refused(Issue("structure", key, given=where))


def _too_deep() -> Refused:
    return Refused(Issue("structure", "fhir.json-too-deep"))
