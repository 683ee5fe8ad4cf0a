"""The values of search parameters as they are written in a query (FHIR R4, Search, 3.1.1.5
search types, 3.1.1.4.5 escaping, 3.1.1.5.3 prefixes).

Everything here raises ValueError for what is not a value; who knows the parameter refuses it.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Final, NamedTuple, cast, get_args

from xinglin.fhir.dates import range_ms
from xinglin.fhir.search.tree import Prefix

PREFIXES: Final = frozenset(get_args(Prefix))
_number_shape = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII).fullmatch
_DIGITS: Final = 60  # of a number; longer ones are an attack rather than a measurement
_EXACT: Final = Context(prec=4 * _DIGITS)
_TENTH: Final = Decimal("0.1")


def split(text: str, sign: str) -> list[str]:
    r"""The parts between unescaped signs, still escaped.

    >>> split(r"a\,b,c", ",")
    ['a\\,b', 'c']
    """
    if "\\" not in text:
        return text.split(sign)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == sign:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    r"""`\,` `\$` `\|` and `\\` mean the second sign; any other backslash is itself.

    >>> unescape(r"a\,b\n")
    'a,b\\n'
    """
    return re.sub(r"\\([,$|\\])", r"\1", text) if "\\" in text else text


def prefixed(text: str) -> tuple[Prefix, str]:
    """The prefix, "eq" where there is none, and the rest.

    >>> prefixed("ge2020")
    ('ge', '2020')
    """
    if text[:2] in PREFIXES:
        return cast(Prefix, text[:2]), text[2:]
    return "eq", text


class Range(NamedTuple):
    prefix: Prefix
    low: int
    high: int


def date_range(text: str, now_ms: int) -> Range:
    """The prefix and the range of a date; "ap" is widened by a tenth of its distance from now,
    at least by its own precision (3.1.1.5.3)."""
    prefix, rest = prefixed(text)
    # A "+" that was not encoded arrives as a space.
    low, high = range_ms(rest.replace(" ", "+"))
    if prefix == "ap":
        margin = max(abs(now_ms - low) // 10, high - low + 1)
        low, high = low - margin, high + margin
    return Range(prefix, low, high)


class Bounds(NamedTuple):
    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal


def number_bounds(text: str) -> Bounds:
    """The prefix, the number, and what its digits leave open (3.1.1.5.1): 100 is 99.5 to 100.5,
    5.40 is 5.395 to 5.405, 1e2 is 50 to 150; "ap" is a tenth to each side, at least that.

    >>> number_bounds("5.40")[1:]
    (Decimal('5.40'), Decimal('5.395'), Decimal('5.405'))
    """
    prefix, rest = prefixed(text)
    if not _number_shape(rest) or len(rest) > _DIGITS:
        raise ValueError(text)
    value = Decimal(rest)
    exponent = int(value.as_tuple().exponent)
    if abs(exponent) > _DIGITS or abs(value.adjusted()) > _DIGITS:
        raise ValueError(text)
    half = Decimal((0, (5,), exponent - 1))
    if prefix == "ap":
        half = max(half, _EXACT.multiply(value.copy_abs(), _TENTH))
    return Bounds(prefix, value, _EXACT.subtract(value, half), _EXACT.add(value, half))
