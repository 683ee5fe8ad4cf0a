"""update, by id or by criteria; creates what is not there yet
(FHIR R4, RESTful API, "update", "Update as Create" and "Conditional update").
"""

from __future__ import annotations

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.resource import Resource
from xinglin.server.answers import written
from xinglin.server.conditions import check_match
from xinglin.server.criteria import matches, one_match
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.ids import check_id
from xinglin.server.parsing import parsed
from xinglin.store.face import Transaction, Version

Written = tuple[Version, bool]  # and whether it was created


async def update(house: House, request: Request, at: Target) -> Response:
    type, id = at.type, at.id
    check_id(id)
    resource = await parsed(house, request, type)
    if resource.id != id:
        raise _wrong_id(type, id, resource.id)

    def work(transaction: Transaction) -> Written:
        return put(transaction, request, resource, id)

    version, created = await house.store.commit(work)
    return written(request, version, created=created)


async def conditional_update(house: House, request: Request, at: Target) -> Response:
    type = at.type
    resource = await parsed(house, request, type)
    query = matches(house, type, request.query, request.base)

    def work(transaction: Transaction) -> Written:
        match = one_match(transaction, request.reader, type, query)
        if match is not None and resource.id not in (None, match.id):
            raise _wrong_id(type, match.id, resource.id)
        if match is None:
            _check_free(transaction, request, resource)
        id = match.id if match else resource.id or house.new_id()
        return put(transaction, request, resource, id)

    version, created = await house.store.commit(work)
    return written(request, version, created=created)


def put(transaction: Transaction, request: Request, resource: Resource, id: str) -> Written:
    """Write the next version of `id`, or its first, if the conditions of the request hold."""
    current = transaction.read(request.reader, resource.type, id)
    check_match(request, current)
    version, _ = transaction.put(resource, id, "PUT")
    return version, current is None or current.body is None


def _check_free(transaction: Transaction, request: Request, resource: Resource) -> None:
    """Criteria that hold of nothing do not allow writing over whatever has the id."""
    if resource.id is None:
        return
    check_id(resource.id)
    other = transaction.read(request.reader, resource.type, resource.id)
    if other is not None and other.body is not None:
        issue = Issue(
            "conflict", "server.id-taken", at=f"{resource.type}.id", given={"id": resource.id}
        )
        raise Refused(issue)


def _wrong_id(type: str, wanted: str, given: str | None) -> Refused:
    place = f"{type}.id"
    if given is None:
        return Refused(Issue("invalid", "server.id-missing", at=place, given={"wanted": wanted}))
    both: dict[str, str | int] = {"wanted": wanted, "given": given}
    return Refused(Issue("invalid", "server.id-differs", at=place, given=both))


INTERACTIONS = (
    Interaction("update", "PUT", "{type}/{id}", update),
    Interaction("update", "PUT", "{type}", conditional_update),
)
