"""The keys of the index, which both engines share.

Every search key is one 64-bit integer `k`, and every posting `(k, d, rid)` lies in the order
of the clinical date `d`, so that "these, newest first" is one range of one B-tree:

    k < 2^20            all resources of type `rt` (k = rt); in `dt`, `pd`, `qn`, `st`: the
                        parameter `p` itself
    2^20 <= k < 2^35    the term `tid` of a token, uri or composite
    k >= 2^35           a reference: p << 35 | rid of its target

The dictionaries `type`, `param`, `system` and `term` are exact and only grow: no key is a
hash, so no hit has to be verified. A resource that is only referred to has a `rid` and no
version. Versions are never changed or removed.
"""

from __future__ import annotations

import re

FIRST_TERM = 1 << 20
REFERENCE_SHIFT = 35
NO_DATE = -(1 << 46)  # sorts before every date; six bytes on disk
DAY_MS = 86_400_000

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PACKED = b"\0"  # begins no other id


def pack_id(id: str) -> bytes:
    """A canonical UUID as a null byte and its 16 bytes, any other id as its text.

    >>> pack_id("du"), pack_id("0c2f9a52-55d1-4d6e-9c0f-8f4f0c5a7e11")[:3]
    (b'du', b'\\x00\\x0c/')
    """
    if len(id) == 36 and _UUID.fullmatch(id):
        return _PACKED + bytes.fromhex(id.replace("-", ""))
    return id.encode()


def unpack_id(stored: bytes) -> str:
    """
    >>> unpack_id(pack_id("0c2f9a52-55d1-4d6e-9c0f-8f4f0c5a7e11"))
    '0c2f9a52-55d1-4d6e-9c0f-8f4f0c5a7e11'
    """
    if stored[:1] != _PACKED:
        return stored.decode()
    digits = stored[1:].hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
