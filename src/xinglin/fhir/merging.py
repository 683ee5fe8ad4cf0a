"""JSON Merge Patch: a document that shows what is to change (RFC 7396).

R4 does not name it, but clients send it (fhirpy has no other patch), and others take it.
"""

from __future__ import annotations

from xinglin.fhir.json import Json, parse_exact
from xinglin.fhir.outcome import Issue, Refused


def parse(data: bytes) -> dict[str, Json]:
    """Read a merge patch of a resource (`application/merge-patch+json`).

    Raises:
        Refused: it is not JSON, or no object: that would take the place of the whole resource.
    """
    patch = parse_exact(data)
    if not isinstance(patch, dict):
        raise Refused(Issue("structure", "fhir.merge-patch-not-an-object"))
    return patch


def merged(document: Json, patch: Json) -> Json:
    """The document after the patch (RFC 7396, section 2); the one given stays as it is.

    Raises:
        Refused: the patch is nested too deeply to be walked.

    >>> merged({"active": True, "name": [{"text": "Du"}]}, {"active": None, "gender": "male"})
    {'name': [{'text': 'Du'}], 'gender': 'male'}
    """
    try:
        return _merged(document, patch)
    except RecursionError as error:
        raise Refused(Issue("structure", "fhir.json-too-deep"), status=422) from error


def _merged(document: Json, patch: Json) -> Json:
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
