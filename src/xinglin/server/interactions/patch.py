"""patch, by id or by criteria, with JSON Patch or a merge patch
(FHIR R4, RESTful API, "patch"; RFC 6902; RFC 7396).
"""

from __future__ import annotations

from collections.abc import Callable

from xinglin.fhir import merging
from xinglin.fhir.json import Json, dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.patch import apply
from xinglin.fhir.patch import parse as parse_patch
from xinglin.fhir.references import relative
from xinglin.fhir.resource import parse
from xinglin.server import media
from xinglin.server.answers import found, written
from xinglin.server.conditions import check_match
from xinglin.server.criteria import matches, one_match
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.store.face import Transaction, Version

_Edit = Callable[[Json], Json]


async def patch(house: House, request: Request, at: Target) -> Response:
    type, id = at.type, at.id
    edit = _edit(request)

    def work(transaction: Transaction) -> Version:
        return _patched(transaction, request, transaction.read(request.reader, type, id), edit, at)

    return written(request, await house.store.commit(work), created=False)


async def conditional_patch(house: House, request: Request, at: Target) -> Response:
    type = at.type
    edit = _edit(request)
    query = matches(house, type, request.query, request.base)

    def work(transaction: Transaction) -> Version:
        match = one_match(transaction, request.reader, type, query)
        if match is None:
            raise Refused(Issue("not-found", "server.no-match", at="url", given={"type": type}))
        return _patched(transaction, request, match, edit, at)

    return written(request, await house.store.commit(work), created=False)


def _edit(request: Request) -> _Edit:
    """What the patch makes of a resource. An object that comes as plain or FHIR's JSON is a
    merge patch: nothing else could be meant, and some clients know no other name for it."""
    content_type = request.headers.get(b"content-type")
    if content_type is None or media.is_a(content_type, media.JSON_PATCH):
        edits = parse_patch(request.body)
        return lambda document: apply(document, edits)
    changes = merging.parse(request.body)
    named = media.is_a(content_type, media.MERGE_PATCH)
    if not named and changes.get("resourceType") == "Parameters":
        raise Refused(Issue("not-supported", "server.patch-fhirpath", at="body"), status=415)
    return lambda document: merging.merged(document, changes)


def _patched(
    transaction: Transaction, request: Request, current: Version | None, edit: _Edit, at: Target
) -> Version:
    """The result is validated like any other update, and must still be the same resource."""
    type = at.type
    version, content = found(current, type, at.id)
    check_match(request, version)
    text = dump_exact(edit(parse_exact(content)))
    resource = parse(relative(text, request.base), expected=type)
    if resource.id != version.id:
        given: dict[str, str | int] = {"wanted": version.id, "given": resource.id or ""}
        raise Refused(Issue("invalid", "server.id-differs", at=f"{type}.id", given=given))
    return transaction.put(resource, version.id, "PATCH")[0]


INTERACTIONS = (
    Interaction("patch", "PATCH", "{type}/{id}", patch),
    Interaction("patch", "PATCH", "{type}", conditional_patch),
)
