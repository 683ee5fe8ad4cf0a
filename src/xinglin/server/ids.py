"""Logical ids (FHIR R4, datatype id): new ones in order of time, and what a client may choose.

Ids that begin with the time keep the indexes of the record growing at one end: UUID version 7
(RFC 9562, 5.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from xinglin.fhir.outcome import Issue, Refused

_shape = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch


def time_ordered(clock: Callable[[], int], random: Callable[[int], int]) -> Callable[[], str]:
    """A maker of ids.

    Args:
        clock: µs since 1970-01-01T00:00Z.
        random: a number of so many random bits, as `random.getrandbits`.

    >>> time_ordered(lambda: 1_700_000_000_000_000, lambda bits: 0)()
    '018bcfe5-6800-7000-8000-000000000000'
    """

    def new_id() -> str:
        bits = random(74)
        number = (clock() // 1000) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62
        digits = f"{number | bits & ((1 << 62) - 1):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return new_id


def check_id(id: str) -> None:
    if not _shape(id):
        raise Refused(Issue("value", "server.bad-id", at="url", given={"id": id[:100]}))
