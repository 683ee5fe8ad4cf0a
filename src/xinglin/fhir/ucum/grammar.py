"""The grammar of UCUM codes (UCUM 2.2, sections 2.1 and 2.2, figure 1)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

LONGEST: Final = 200  # characters; so depth is bounded, too


class Part(NamedTuple):
    """One factor of a unit."""

    symbol: str  # "mm[Hg]", or "" for a number
    power: int
    number: Decimal | None = None


_part = re.compile(
    r"""(?P<open>\()
    |(?P<ten>10[*^])(?P<tens>[+-]?\d{1,3})?
    |(?P<number>\d{1,20})(?![\d\[])
    |(?P<symbol>(?:\[[^\[\]{}\s]+\]|[^\d\[\](){}./+\-=\s])+)(?P<power>[+-]?\d{1,3})?
    |(?P<note>(?=\{))""",
    re.VERBOSE | re.ASCII,
)
_annotation = re.compile(r"\{[!-z|~]*\}").match


def parts(code: str) -> list[Part]:
    """The factors of a unit, none of them in parentheses any more.

    Raises:
        ValueError: this is no UCUM code.
    """
    if not 0 < len(code) <= LONGEST:
        raise ValueError(code)
    found, at = _term(code, 0)
    if at != len(code):
        raise ValueError(code)
    return found


def _term(code: str, at: int) -> tuple[list[Part], int]:
    """A product: `a/b.c` is `(a/b).c`; it may begin with a slash."""
    found: list[Part] = []
    sign = 1
    if code[at : at + 1] == "/":
        sign, at = -1, at + 1
    while True:
        some, at = _component(code, at)
        found += [part._replace(power=part.power * sign) for part in some]
        if at == len(code) or code[at] not in "./":
            return found, at
        sign = -1 if code[at] == "/" else 1
        at += 1


def _component(code: str, at: int) -> tuple[list[Part], int]:
    match = _part.match(code, at)
    if match is None:
        raise ValueError(code)
    at = match.end()
    some: list[Part] = []
    match match.lastgroup:
        case "open":
            some, at = _term(code, at)
            if code[at : at + 1] != ")":
                raise ValueError(code)
            at += 1
        case "ten" | "tens":
            some = [Part("", int(match["tens"] or 1), Decimal(10))]
        case "number":
            some = [Part("", 1, Decimal(match["number"]))]
        case "symbol" | "power":
            some = [Part(match["symbol"], int(match["power"] or 1))]
    if note := _annotation(code, at):
        at = note.end()
    elif match.lastgroup == "note":
        raise ValueError(code)
    return some, at
