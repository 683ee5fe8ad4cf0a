"""delete, by id or by criteria (FHIR R4, RESTful API, "delete" and "Conditional delete")."""

from __future__ import annotations

from xinglin.server.answers import said, version_headers
from xinglin.server.conditions import check_match
from xinglin.server.criteria import matches, several
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.preference import preference
from xinglin.store.face import Transaction, Version


async def delete(house: House, request: Request, at: Target) -> Response:
    """What is not there is deleted already: the answer is the same, without a version."""
    type, id = at.type, at.id

    def work(transaction: Transaction) -> Version | None:
        check_match(request, transaction.read(request.reader, type, id))
        return transaction.delete(type, id)

    return _deleted(request, await house.store.commit(work))


async def conditional_delete(house: House, request: Request, at: Target) -> Response:
    type = at.type
    query = matches(house, type, request.query, request.base)

    def work(transaction: Transaction) -> Version | None:
        hits = transaction.search(request.reader, query).hits
        if len(hits) > 1 and not house.settings.delete_multiple:
            raise several(type)
        last = None
        while hits:  # a page at a time: what is deleted matches no more
            for hit in hits:
                check_match(request, hit)
                last = transaction.delete(type, hit.id) or last
            hits = transaction.search(request.reader, query).hits if len(hits) > 1 else ()
        return last

    return _deleted(request, await house.store.commit(work))


def _deleted(request: Request, version: Version | None) -> Response:
    headers = version_headers(version) if version else []
    if version and preference(request).returns == "OperationOutcome":
        return said(request, 200, "server.was-deleted", version, headers)
    return Response(204, b"", headers, version)


INTERACTIONS = (
    Interaction("delete", "DELETE", "{type}/{id}", delete),
    Interaction("delete", "DELETE", "{type}", conditional_delete),
)
