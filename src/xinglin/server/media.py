"""Media types: what a request may bring, and in what form it wants the answer
(FHIR R4, RESTful API, "Content Types and encodings"; RFC 9110, 12.5.1).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from xinglin.fhir.outcome import Issue, Refused

FHIR_JSON: Final = "application/fhir+json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
PATCHES: Final = (JSON_PATCH, MERGE_PATCH)
FORM: Final = "application/x-www-form-urlencoded"

_OURS: Final = b"application/fhir+json; charset=utf-8"
_PLAIN: Final = frozenset({"application/json", "text/json"})
_JSON: Final = _PLAIN | {FHIR_JSON}
_FORMATS: Final = _JSON | {"json"}  # values of _format
# Files of a bulk export are NDJSON; whoever asks for one says so, and whatever refuses is JSON.
_ANY: Final = frozenset({"*/*", "application/*", "application/fhir+ndjson", "application/ndjson"})
_VERSIONS: Final = frozenset({"", "4.0", "4.0.1"})  # of FHIR, as a parameter of the media type


def check_content(content_type: bytes | None, *allowed: str) -> None:
    """Refused with 415 unless the body is what this request can bring. Without a type it is
    taken for what it should be: the first of those allowed."""
    if content_type is not None and not any(is_a(content_type, each) for each in allowed):
        wanted = ", ".join(allowed)
        given: dict[str, str | int] = {"type": content_type.decode("latin-1"), "allowed": wanted}
        issue = Issue("not-supported", "server.unsupported-media-type", "Content-Type", given)
        raise Refused(issue, status=415)


def is_json(content_type: bytes) -> bool:
    """Whether a body of this type is a resource, of whatever version of FHIR."""
    return _split(content_type.decode("latin-1"))[0] in _JSON


@lru_cache(64)
def is_a(content_type: bytes, allowed: str) -> bool:
    """Whether this type, with its parameters, is the one allowed: any kind of JSON for FHIR's."""
    name, parameters = _split(content_type.decode("latin-1"))
    if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8", "us-ascii"}:
        return False
    if allowed == FHIR_JSON:
        return name in _JSON and parameters.get("fhirversion", "") in _VERSIONS
    return name == allowed


@lru_cache(256)
def answer_type(accept: bytes | None, format: str | None) -> bytes:
    """The media type to answer with. Refused with 406 where it could be none that is wanted."""
    if format is not None:
        wanted = format.replace(" ", "+")  # a plus that was not escaped
        name, parameters = _split(wanted)
        if name in _FORMATS and parameters.get("fhirversion", "") in _VERSIONS:
            return _named(name)
    elif accept is None:
        return _named(FHIR_JSON)
    else:
        wanted = accept.decode("latin-1")
        for part in wanted.split(","):
            name, parameters = _split(part)
            fits = name in _ANY or name in _JSON
            wanted_at_all = parameters.get("q") not in {"0", "0.0", "0.00", "0.000"}
            if fits and wanted_at_all and parameters.get("fhirversion", "") in _VERSIONS:
                return _named(name)
    place = "Accept" if format is None else "_format"
    given: dict[str, str | int] = {"wanted": wanted}
    raise Refused(Issue("not-supported", "server.not-acceptable", place, given), status=406)


def _named(name: str) -> bytes:
    """Who asks for plain JSON gets it under that name; everybody else FHIR's."""
    return f"{name}; charset=utf-8".encode() if name in _PLAIN else _OURS


def _split(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    return name.strip().lower(), parameters
