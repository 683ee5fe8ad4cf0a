"""References to resources of this server, written with its address or without: both name the same
(FHIR R4, References, 2.3.0.1), and only the short form still does when the address changes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from xinglin.fhir.bundle import compact


def relative(data: bytes, base: str) -> bytes:
    """A resource in which references to what lies below `base` are relative. Where there are
    none the text comes back as it is, whatever it is.

    Raises:
        Refused: it seems to hold some, and is not JSON.

    >>> relative(b'{"reference":"http://a.b/fhir/Patient/1"}', "http://a.b/fhir")
    b'{"reference":"Patient/1"}'
    """
    if f"{base}/".encode() not in data and b"\\/" not in data:
        return data
    text, replaced = _absolute(base).subn(rb'"reference":"\1"', compact(data))
    return text if replaced else data


@lru_cache(16)  # a server has few addresses
def _absolute(base: str) -> re.Pattern[bytes]:
    local = rb"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?"
    return re.compile(rb'"reference":"%b/(%b)"' % (re.escape(base.encode()), local))
