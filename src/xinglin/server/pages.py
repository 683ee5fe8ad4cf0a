"""What is not FHIR: the landing page, and what those who run the server ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Final

from xinglin.fhir.outcome import Issue
from xinglin.fhir.search.tree import Everything, Query
from xinglin.fhir.wording import Language, sentence
from xinglin.server.house import House
from xinglin.server.http import Request, Response
from xinglin.server.metrics import Metrics

_WORDS: Final = (
    "server.landing-title",
    "server.landing-lead",
    "server.landing-patients",
    "server.landing-capabilities",
    "server.landing-browse",
    "server.landing-health",
)
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")

Page = Callable[[House, Metrics, Request], Response]


def landing(house: House, metrics: Metrics, request: Request) -> Response:
    """What this is, in the reader's language, and where to go on."""
    query = Query(("Patient",), Everything(), count=0, total="accurate")
    patients = house.store.search(request.reader, query)
    words = {key.rpartition("-")[2]: _word(key, request.language) for key in _WORDS}
    page = Template(_template()).substitute(
        words, language=request.language, number=f"{patients.total or 0:,}"
    )
    headers = [_HTML, (b"vary", b"accept-language")]
    return Response(200, page.encode(), headers)


def alive(house: House, metrics: Metrics, request: Request) -> Response:
    return Response(200, b"ok\n", [_TEXT])


def ready(house: House, metrics: Metrics, request: Request) -> Response:
    """Ready once the record can be read, which is asked of it."""
    house.store.feed(0, 1)
    return Response(200, b"ready\n", [_TEXT])


def measured(house: House, metrics: Metrics, request: Request) -> Response:
    content_type = b"text/plain; version=0.0.4; charset=utf-8"
    return Response(200, metrics.text(), [(b"content-type", content_type)])


PAGES: Mapping[str, Page] = MappingProxyType(
    {"/": landing, "/healthz": alive, "/readyz": ready, "/metrics": measured}
)


def _template() -> str:
    return files(__package__).joinpath("landing.html").read_text(encoding="utf-8")


def _word(key: str, language: Language) -> str:
    return escape(sentence(Issue("informational", key), language))
