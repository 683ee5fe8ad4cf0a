"""`htmlChecks()`: what a narrative may contain (FHIR R4, Narrative, 2.4.2; invariants txt-1 and
txt-2)."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

from xinglin.fhir.fhirpath.items import Collection
from xinglin.fhir.fhirpath.scope import Work, string

_XHTML: Final = "http://www.w3.org/1999/xhtml"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS: Final = _words(
    "div p br hr h1 h2 h3 h4 h5 h6 span b em i strong small big tt dfn q var abbr acronym cite"
    " blockquote address bdo code samp kbd img map area ul ol li dl dt dd pre a sub sup"
    " table caption colgroup col thead tbody tfoot tr th td ins del"
)
_ATTRIBUTES: Final = _words(
    "title style class id lang xml:lang dir accesskey tabindex span width align valign char"
    " charoff abbr axis headers scope rowspan colspan href name charset type rel rev coords shape"
    " src alt longdesc height usemap ismap cite border frame rules cellpadding cellspacing"
    " summary compact start value hreflang datetime clear nowrap bgcolor xmlns"
)


class _NotAllowed(Exception):  # noqa: N818
    pass


def html_checks(_: Work, source: Collection) -> Collection:
    text = string(source)
    return [] if text is None else [_allowed(text)]


def _allowed(text: str) -> bool:
    """One `div` in the XHTML namespace, only formatting in it, and something to be read."""
    parser = expat.ParserCreate()
    opened = 0
    content = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal opened, content
        root = opened == 0
        if root and (name != "div" or attributes.get("xmlns") != _XHTML):
            raise _NotAllowed
        if name not in _ELEMENTS or not attributes.keys() <= _ATTRIBUTES:
            raise _NotAllowed
        opened += 1
        content = content or name == "img"

    def read(characters: str) -> None:
        nonlocal content
        content = content or not characters.isspace()

    def refuse(*_: object) -> None:
        raise _NotAllowed

    parser.StartElementHandler = start
    parser.CharacterDataHandler = read
    parser.StartDoctypeDeclHandler = refuse  # no entities, so nothing can grow
    parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(text.encode(), True)  # noqa: FBT003  (expat's own signature)
    except (_NotAllowed, expat.ExpatError, UnicodeEncodeError):
        return False
    return content
