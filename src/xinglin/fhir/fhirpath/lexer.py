"""The words of a FHIRPath expression (FHIRPath N1, appendix A: grammar, lexical rules)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from xinglin.fhir.outcome import Issue, Refused

LONGEST: Final = 20_000  # characters; the longest expressions of R4 have some 2,000


class Token(NamedTuple):
    kind: str  # "name" "string" "number" "date" "datetime" "time" "variable" "external"
    #            "sign" (also keywords that are operators), "end"
    text: str  # unescaped
    at: int
    quoted: bool = False  # `name` in backquotes is never a keyword


_TIME = r"\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?"
_DATE = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_token = re.compile(
    rf"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<datetime>@{_DATE}T(?:{_TIME}(?:Z|[+-]\d\d:\d\d)?)?)
    |(?P<time>@T{_TIME})
    |(?P<date>@{_DATE})
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<delimited>`(?:[^`\\]|\\.)*`)
    |(?P<variable>\$[A-Za-z_]\w*)
    |(?P<external>%(?:[A-Za-z_]\w*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>!=|!~|<=|>=|/(?!\*)|[-+*|&=~<>()\[\]{{}}.,])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_escape = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"} | {sign: sign for sign in "\\/'\"`"}


def tokens(text: str) -> list[Token]:
    """All words, closed by one of kind "end"; refused where none fits."""
    if len(text) > LONGEST:
        raise Refused(Issue("too-costly", "fhir.path-too-long", given={"limit": LONGEST}))
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _token.match(text, at)
        if match is None:
            refuse(text, at, text[at])
        if match.lastgroup != "space":
            found.append(_word(text, str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(Token("end", "", at))
    return found


def refuse(text: str, at: int, found: str) -> NoReturn:
    """What stands at this offset cannot stand there."""
    raise Refused(
        Issue("invalid", "fhir.path-syntax", at=place(text, at), given={"found": found[:40]})
    )


def place(text: str, at: int) -> str:
    """Line and column of an offset, both counted from 1."""
    line = text.count("\n", 0, at)
    return f"{line + 1}:{at - (text.rfind(chr(10), 0, at) + 1) + 1}"


def _word(text: str, kind: str, raw: str, at: int) -> Token:
    match kind:
        case "string":
            return Token("string", _unescaped(text, raw[1:-1], at), at)
        case "delimited":
            return Token("name", _unescaped(text, raw[1:-1], at), at, quoted=True)
        case "external" if raw[1] in "'`":
            return Token("external", _unescaped(text, raw[2:-1], at), at)
        case "time":
            return Token("time", raw[2:], at)
        case "external" | "date" | "datetime":
            return Token(kind, raw[1:], at)
    return Token(kind, raw, at)


def _unescaped(text: str, raw: str, at: int) -> str:
    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2] not in _ESCAPES:
            refuse(text, at, found[0])
        return _ESCAPES[found[2]]

    if "\\" not in raw:
        return raw
    try:
        # Two escapes may be the halves of one character; half a character is none.
        return _escape.sub(meant, raw).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        refuse(text, at, raw)
