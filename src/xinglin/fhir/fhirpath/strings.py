"""String functions (FHIRPath N1, section 5.6; encode, escape, trim, split, join and matchesFull
from the continuous build).

Patterns run on RE2, whose time is linear in the text: a stranger's pattern cannot hang us.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped]

from xinglin.fhir.fhirpath.items import Collection, refused
from xinglin.fhir.fhirpath.scope import Work, integer, maybe, string

Function = Callable[..., Collection]


def _of_text(run: Callable[..., Any]) -> Function:
    """On one string and string arguments; empty where any of them is."""

    def function(work: Work, source: Collection, *arguments: Collection) -> Collection:
        texts = [string(source), *map(string, arguments)]
        if None in texts:
            return []
        work.spend(1 + len(texts[0] or "") // 64)
        answer = run(*texts)
        if isinstance(answer, str):
            work.spend(len(answer) // 16)
        return maybe(answer)

    return function


def substring(_: Work, source: Collection, start: Collection, *length: Collection) -> Collection:
    text, at = string(source), integer(start)
    if text is None or at is None or not 0 <= at < len(text):
        return []
    # An empty length is as if it was not given (N1, 5.6.2).
    size = integer(length[0]) if length else None
    return [text[at:] if size is None else text[at : at + max(0, size)]]


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True  # "single line" mode (N1, 5.6.8)
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        raise refused("bad-pattern", "value", pattern=pattern[:100]) from None


def replace_matches(
    work: Work, source: Collection, pattern: Collection, replacement: Collection
) -> Collection:
    text, by, new = string(source), string(pattern), string(replacement)
    if text is None or by is None or new is None:
        return []

    def expanded(found: Any) -> str:
        # Paid as it grows: the result may be far longer than what went in.
        part = _expand(found, new)
        work.spend(1 + len(part) // 16)
        return part

    work.spend(1 + len(text) // 64)
    return [str(_pattern(by).sub(expanded, text)) if by else text]


def _expand(found: Any, replacement: str) -> str:
    """`$1` and `${name}` stand for groups."""

    def group(reference: Any) -> str:
        name = reference.group(1) or reference.group(2)
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            raise refused("bad-pattern", "value", pattern=replacement[:100]) from None

    return str(_REFERENCE.sub(group, replacement)) if "$" in replacement else replacement


_REFERENCE: Final = re2.compile(r"\$(?:(\d+)|\{(\w+)\})")
_ALTPREFIX: Final = {"urlbase64": b"-_", "base64": b"+/"}


def _encode(text: str, form: str) -> str | None:
    raw = text.encode()
    if form == "hex":
        return raw.hex()
    return base64.b64encode(raw, _ALTPREFIX[form]).decode() if form in _ALTPREFIX else None


def _decode(text: str, form: str) -> str | None:
    try:
        if form == "hex":
            return bytes.fromhex(text).decode()
        if form in _ALTPREFIX:
            return base64.b64decode(text, _ALTPREFIX[form], validate=True).decode()
    except (ValueError, binascii.Error):
        raise refused("bad-encoding", "value", form=form) from None
    return None


def _escape(text: str, form: str) -> str | None:
    if form == "html":
        return html.escape(text)
    return json.dumps(text, ensure_ascii=False)[1:-1] if form == "json" else None


def _unescape(text: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(text)
    if form != "json":
        return None
    # What is quoted already needs no escape of its quotes: '"1<2"' stays as it is.
    loose = text.replace('\\"', '"').replace('"', '\\"')
    try:
        plain = str(json.loads(f'"{loose}"', strict=False))
        plain.encode()  # half a surrogate pair is no character
        return plain
    except ValueError:
        raise refused("bad-encoding", "value", form=form) from None


def split(work: Work, source: Collection, separator: Collection) -> Collection:
    text, by = string(source), string(separator)
    if text is None or by is None:
        return []
    found: Collection = [*(text.split(by) if by else text)]
    work.spend(len(found))
    return found


def join(work: Work, source: Collection, *separator: Collection) -> Collection:
    texts = [string([one]) or "" for one in source]
    if not texts:
        return []
    by = (string(separator[0]) or "") if separator else ""
    work.spend((sum(map(len, texts)) + len(texts) * len(by)) // 16)
    return [by.join(texts)]


def to_chars(work: Work, source: Collection) -> Collection:
    text = string(source) or ""
    work.spend(len(text))
    return [*text]


# Index and length of a string are counted in characters, not in UTF-16 units.
index_of: Final = _of_text(lambda text, part: text.find(part))
last_index_of: Final = _of_text(lambda text, part: text.rfind(part))
starts_with: Final = _of_text(lambda text, part: text.startswith(part))
ends_with: Final = _of_text(lambda text, part: text.endswith(part))
contains: Final = _of_text(lambda text, part: part in text)
upper: Final = _of_text(lambda text: text.upper())
lower: Final = _of_text(lambda text: text.lower())
trim: Final = _of_text(lambda text: text.strip())
length: Final = _of_text(len)
matches: Final = _of_text(lambda text, by: bool(_pattern(by).search(text)))
matches_full: Final = _of_text(lambda text, by: bool(_pattern(by).fullmatch(text)))
encode: Final = _of_text(_encode)
decode: Final = _of_text(_decode)
escape: Final = _of_text(_escape)
unescape: Final = _of_text(_unescape)


def replace(work: Work, source: Collection, part: Collection, by: Collection) -> Collection:
    text, old, new = string(source), string(part), string(by)
    if text is None or old is None or new is None:
        return []
    # Paid before it is made: the result may be far longer than both.
    work.spend(len(text) * (1 + len(new)) // 16 if not old else text.count(old) * len(new) // 16)
    return [text.replace(old, new)]
