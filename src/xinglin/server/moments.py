"""Times of the wire: HTTP-date (RFC 9110, 5.6.7), FHIR instant, and dateTime as asked for."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime

from xinglin.fhir.dates import range_ms
from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.face import instant

__all__ = ["asked_range", "http_date", "instant", "only_the_present", "second_of"]

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())


@lru_cache(1024)
def http_date(second: int) -> bytes:
    """A second since 1970 as an HTTP-date.

    >>> http_date(0)
    b'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    at = gmtime(second)
    return b"%b, %02d %b %d %02d:%02d:%02d GMT" % (
        _DAYS[at.tm_wday],
        at.tm_mday,
        _MONTHS[at.tm_mon - 1],
        at.tm_year,
        at.tm_hour,
        at.tm_min,
        at.tm_sec,
    )


def second_of(http_date_text: str) -> int | None:
    """The second that an HTTP-date names; None where it is none (RFC 9110: then ignore it)."""
    try:
        return int(parsedate_to_datetime(http_date_text).timestamp())
    except (ValueError, OverflowError):
        return None


def asked_range(parameter: str, text: str) -> tuple[int, int]:
    """First and last millisecond of a parameter's dateTime."""
    try:
        return range_ms(text)
    except ValueError:
        given: dict[str, str | int] = {"text": text}
        raise Refused(Issue("value", "server.bad-date", at=parameter, given=given)) from None


def only_the_present(query: Iterable[tuple[str, str]]) -> None:
    """Refused where `_at` asks for the past. It is never ignored, whatever the client prefers:
    the present is a wrong answer to a question about then."""
    if any(name == "_at" for name, _ in query):
        raise Refused(Issue("not-supported", "server.no-past", at="_at"), status=400)
