"""The shared SQL in the words of PostgreSQL.

`?` becomes `$1`, `$2` …; a list of numbers becomes an array; a condition on a text that may be
long is asked of its brief form in the index too (see `schema.py`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count

from xinglin.store.postgres.schema import BRIEF_CHARACTERS

LONG = frozenset({"code", "text", "norm", "raw", "uri", "system", "unit"})  # columns

_LISTED = "IN (SELECT value FROM json_each(?))"
_PLACES = re.compile(rf"\b((?:\w+\.)?(?:{'|'.join(sorted(LONG))})) (=|>=|<) \?|\?")
_LAST = "\U0010ffff"  # sorts after every text that begins alike


@lru_cache(maxsize=4_000)
def worded(text: str) -> str:
    """
    >>> worded("SELECT 1 FROM t WHERE a = ? AND b IN (SELECT value FROM json_each(?))")
    'SELECT 1 FROM t WHERE a = $1 AND b = ANY($2)'
    >>> worded("x.uri = ?")
    '(brief(x.uri) = brief($1) AND x.uri = $1)'
    """
    numbers = count(1)

    def place(found: re.Match[str]) -> str:
        mark = f"${next(numbers)}"
        return mark if found[1] is None else compared(found[1], found[2], mark)

    return _PLACES.sub(place, text.strip().replace(_LISTED, "= ANY(?)"))


def compared(column: str, sign: str, other: str) -> str:
    """A comparison of a column of LONG by its index, and then by itself."""
    start = f"left({other}, {BRIEF_CHARACTERS})"
    match sign:
        case "=":
            by_index = f"brief({column}) = brief({other})"
        case ">=":
            by_index = f"brief({column}) >= {start}"
        case _:
            by_index = f"brief({column}) <= {start} || '{_LAST}'"
    return f"({by_index} AND {column} {sign} {other})"
