"""The shared SQL in the words of PostgreSQL.

`?` becomes `$1`, `$2` …; a list of numbers becomes an array; a condition on a text that may be
long is asked of its brief form in the index too (see `schema.py`); and EXISTS stays a question
that is asked of each row in its turn. PostgreSQL would make a join of it, read both sides to
their ends and sort, where the first twenty rows of a walk are wanted; it leaves alone what has
an OFFSET.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import count

from xinglin.store.postgres.schema import BRIEF_CHARACTERS

LONG = frozenset({"code", "text", "norm", "raw", "uri", "system", "unit"})  # columns

_LISTED = "IN (SELECT value FROM json_each(?))"
_EXISTS = re.compile(r"\bEXISTS \(")
_PARENTHESES = re.compile(r"[()]")
_PLACES = re.compile(rf"\b((?:\w+\.)?(?:{'|'.join(sorted(LONG))})) (=|>=|<) \?|\?")
_LAST = "\U0010ffff"  # sorts after every text that begins alike


@lru_cache(maxsize=4_000)
def worded(text: str) -> str:
    """
    >>> worded("SELECT 1 FROM t WHERE a = ? AND b IN (SELECT value FROM json_each(?))")
    'SELECT 1 FROM t WHERE a = $1 AND b = ANY($2)'
    >>> worded("x.uri = ?")
    '(brief(x.uri) = brief($1) AND x.uri = $1)'
    >>> worded("EXISTS (SELECT 1 FROM a WHERE (b)) AND c")
    'EXISTS (SELECT 1 FROM a WHERE (b) LIMIT 1 OFFSET 0) AND c'
    """
    numbers = count(1)

    def place(found: re.Match[str]) -> str:
        mark = f"${next(numbers)}"
        return mark if found[1] is None else compared(found[1], found[2], mark)

    plain = text.strip().replace(_LISTED, "= ANY(?)")
    for found in reversed(list(_EXISTS.finditer(plain))):
        end = _closing(plain, found.end())
        plain = f"{plain[:end]} LIMIT 1 OFFSET 0{plain[end:]}"
    return _PLACES.sub(place, plain)


def _closing(text: str, start: int) -> int:
    """Where the parenthesis ends that opens before `start`."""
    depth = 1
    for found in _PARENTHESES.finditer(text, start):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return found.start()
    raise ValueError(text)


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
