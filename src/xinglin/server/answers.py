"""Answers about one version of a resource: its headers, and what the client asked to see of it
(FHIR R4, RESTful API, "Resource Metadata and Versioning" and "create/update/patch/transaction").
"""

from __future__ import annotations

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.conditions import etag
from xinglin.server.http import FHIR_JSON, Header, Request, Response
from xinglin.server.moments import http_date
from xinglin.server.preference import preference
from xinglin.server.refusal import outcome_text
from xinglin.store.face import Version


def version_headers(version: Version) -> list[Header]:
    return [(b"etag", etag(version)), (b"last-modified", http_date(version.t // 1_000_000))]


def found(version: Version | None, type: str, id: str) -> tuple[Version, bytes]:
    """The version and its content. Refused: there is none (404), it was deleted (410)."""
    if version is None:
        raise Refused(Issue("not-found", "server.not-found", "url", {"type": type, "id": id}))
    content = version.content
    if content is None:
        raise Refused(Issue("deleted", "server.deleted", "url", {"type": type, "id": id}))
    return version, content


def written(request: Request, version: Version, *, created: bool) -> Response:
    """The answer to a create or update: where the version is, and as much as was asked for."""
    headers = version_headers(version)
    location = f"{request.base}/{version.type}/{version.id}/_history/{version.version}".encode()
    headers.append((b"location" if created else b"content-location", location))
    status = 201 if created else 200
    match preference(request).returns:
        case "minimal":
            return Response(status, b"", headers, version)
        case "OperationOutcome":
            key = "server.created" if created else "server.updated"
            return said(request, status, key, version, headers)
    headers.append(FHIR_JSON)
    return Response(status, version.content or b"", headers, version)


def said(
    request: Request, status: int, key: str, version: Version, headers: list[Header]
) -> Response:
    """An answer in words: an OperationOutcome that says what was done."""
    given: dict[str, str | int] = {"type": version.type, "id": version.id}
    issue = Issue("informational", key, given=given, severity="information")
    text = outcome_text([issue], request.language)
    return Response(status, text, [*headers, FHIR_JSON], version)
