"""patch, by id or by criteria, with JSON Patch (FHIR R4, RESTful API, "patch"; RFC 6902)."""

from __future__ import annotations

from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.patch import Patch, apply
from xinglin.fhir.patch import parse as parse_patch
from xinglin.fhir.resource import parse
from xinglin.server.answers import found, written
from xinglin.server.conditions import check_match
from xinglin.server.criteria import matches, one_match
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.store.face import Transaction, Version


async def patch(house: House, request: Request, at: Target) -> Response:
    type, id = at.type, at.id
    edits = parse_patch(request.body)

    def work(transaction: Transaction) -> Version:
        return _patched(transaction, request, transaction.read(request.reader, type, id), edits, at)

    return written(request, await house.store.commit(work), created=False)


async def conditional_patch(house: House, request: Request, at: Target) -> Response:
    type = at.type
    edits = parse_patch(request.body)
    query = matches(house, type, request.query, request.base)

    def work(transaction: Transaction) -> Version:
        match = one_match(transaction, request.reader, type, query)
        if match is None:
            raise Refused(Issue("not-found", "server.no-match", at="url", given={"type": type}))
        return _patched(transaction, request, match, edits, at)

    return written(request, await house.store.commit(work), created=False)


def _patched(
    transaction: Transaction, request: Request, current: Version | None, edits: Patch, at: Target
) -> Version:
    """The result is validated like any other update, and must still be the same resource."""
    type = at.type
    version, content = found(current, type, at.id)
    check_match(request, version)
    resource = parse(dump_exact(apply(parse_exact(content), edits)), expected=type)
    if resource.id != version.id:
        given: dict[str, str | int] = {"wanted": version.id, "given": resource.id or ""}
        raise Refused(Issue("invalid", "server.id-differs", at=f"{type}.id", given=given))
    return transaction.put(resource, version.id, "PATCH")[0]


INTERACTIONS = (
    Interaction("patch", "PATCH", "{type}/{id}", patch),
    Interaction("patch", "PATCH", "{type}", conditional_patch),
)
