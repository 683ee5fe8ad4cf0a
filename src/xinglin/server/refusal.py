"""A refusal as an HTTP answer: status by the first issue's code, OperationOutcome as body
(FHIR R4, RESTful API, "Status Codes"; HTTP.html "Support for OperationOutcome").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from xinglin.fhir.json import dump_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import Language, outcome
from xinglin.server.http import FHIR_JSON, Response
from xinglin.store.relational.database import Unreachable, Unusable

STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "login": 401,
        "security": 403,
        "forbidden": 403,
        "not-found": 404,
        "conflict": 409,
        "duplicate": 409,
        "deleted": 410,
        "multiple-matches": 412,
        "too-long": 413,
        "required": 422,
        "code-invalid": 422,
        "invariant": 422,
        "business-rule": 422,
        "processing": 422,
        "too-costly": 422,
        "throttled": 429,
        "exception": 500,
        "transient": 503,
    }
)

_METHOD_NOT_ALLOWED: Final = 405
_LATER: Final = frozenset({429, 503})

# Seconds after which it may be different: soon enough for a person who waits, and by then a
# database has failed over or a crowd has passed; a client that comes too soon is told again.
RETRY_AFTER: Final = (b"retry-after", b"2")  # RFC 9110, 10.2.3


def status(refused: Refused) -> int:
    """What the client did wrong is 400 unless its code says more."""
    return refused.status or STATUS.get(refused.issues[0].code, 400)


def passing(error: Exception) -> bool:
    """Whether only the record is not there at present: who has time tries again."""
    if isinstance(error, Refused):
        return all(issue.code == "transient" for issue in error.issues)
    return isinstance(error, (Unreachable, Unusable))


def response(refused: Refused, language: Language) -> Response:
    code = status(refused)
    headers = [FHIR_JSON]
    if code == _METHOD_NOT_ALLOWED:  # RFC 9110, 15.5.6
        headers.append((b"allow", str(refused.issues[0].given["allowed"]).encode()))
    if code in _LATER:
        headers.append(RETRY_AFTER)
    return Response(code, outcome_text(refused.issues, language), headers)


def outcome_text(issues: Iterable[Issue], language: Language) -> bytes:
    return dump_exact(outcome(issues, language))
