"""Attachments inside a body, kept as what they say rather than as base64.

Base64 hides every repetition from the compressor: a note of text grows to several times what
it need be. Reversible to the byte: what would not come back the same stays as it is.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64

import msgspec

_DATA = re.compile(rb'"data":"([A-Za-z0-9+/]{64,}={0,2})"')
_FOLDED = 0x92  # msgpack, array of two; no JSON text begins so

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, list[tuple[int, bytes]]]).decode


def fold(text: bytes) -> bytes:
    """The text, with its attachments decoded."""
    if b'"data":"' not in text:
        return text
    rest: list[bytes] = []
    found: list[tuple[int, bytes]] = []
    kept = at = 0  # how far the text is read, and how long the rest is
    for match in _DATA.finditer(text):
        content = _decoded(match[1])
        if content is not None:
            start, end = match.span(1)
            rest.append(text[kept:start])
            at += start - kept
            found.append((at, content))
            kept = end
    if not found:
        return text
    rest.append(text[kept:])
    return _encode((b"".join(rest), found))


def unfold(folded: bytes) -> bytes:
    """The text as it was."""
    if folded[0] != _FOLDED:
        return folded
    rest, found = _decode(folded)
    parts: list[bytes] = []
    before = 0
    for at, content in found:
        parts += (rest[before:at], b2a_base64(content, newline=False))
        before = at
    parts.append(rest[before:])
    return b"".join(parts)


def _decoded(text: bytes) -> bytes | None:
    try:
        content = a2b_base64(text, strict_mode=True)
    except Error:
        return None
    return content if b2a_base64(content, newline=False) == text else None
