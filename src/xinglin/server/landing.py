"""The landing page: what this is, what is in the record now, and where to go on.

One static page without scripts, made for each request. Its language is the browser's
(`Accept-Language`, RFC 9110, 12.5.4), or the one that its own switch asks for (`?lang=zh`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import Language, sentence
from xinglin.server.contents import counts
from xinglin.server.examples import EXAMPLES
from xinglin.server.house import House
from xinglin.server.http import Header, Request, Response

# A browser shows JSON of any name, but not every one shows it in lines.
_READABLE: Final = "_format=json&_pretty=true"

_WORDS: Final = (
    *("lead", "patients", "resources", "record", "empty", "try", "ask", "more", "warning"),
    *("capabilities", "standard", "health", "metrics", "docs"),
)


async def landing(house: House, request: Request) -> Response:
    language = _language(request)
    held = await counts(house, request.reader)
    words = {word: _said(f"server.landing-{word}", language) for word in _WORDS}
    if held:
        words["empty"] = ""
    page = _template().substitute(
        words,
        language={"en": "en", "zh": "zh-CN"}[language],
        base=escape(request.base),
        readable=escape(_READABLE),
        patient_count=f"{held.get('Patient', 0):,}",
        resource_count=f"{sum(held.values()):,}",
        **{f"{each}_current": _current(each == language) for each in ("en", "zh")},
        types="".join(_type(name, count) for name, count in held.items()),
        examples="".join(_examples(language)),
    )
    headers: list[Header] = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-language", language.encode()),
        (b"cache-control", b"no-cache"),  # the numbers are those of now
        (b"vary", b"accept-language"),
    ]
    return Response(200, page.encode(), headers)


def _language(request: Request) -> Language:
    match dict(request.query).get("lang"):
        case "en":
            return "en"
        case "zh":
            return "zh"
    return request.language


def _type(name: str, count: int) -> str:
    return (
        f'<li><a href="/fhir/{name}?{escape(_READABLE)}">{name}</a> <strong>{count:,}</strong></li>'
    )


def _examples(language: Language) -> Iterator[str]:
    for example in EXAMPLES:
        address = escape(f"{example.path}&{_READABLE}")
        yield f'<li><a href="{address}">{_said(example.key, language)}</a>'
        yield f"<code>{escape(example.path)}</code></li>"


def _current(is_current: bool) -> str:
    return 'aria-current="true"' if is_current else ""


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("landing.html").read_text(encoding="utf-8"))


def _said(key: str, language: Language) -> str:
    return escape(sentence(Issue("informational", key), language))
