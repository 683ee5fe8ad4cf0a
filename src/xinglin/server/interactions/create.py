"""create, and conditional create (FHIR R4, RESTful API, "create" and "Conditional create")."""

from __future__ import annotations

from xinglin.server.answers import written
from xinglin.server.criteria import matches, one_match
from xinglin.server.declare import Interaction
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response, pairs
from xinglin.server.parsing import parsed
from xinglin.store.face import Transaction, Version


async def create(house: House, request: Request, at: Target) -> Response:
    """The server gives the id; one in the body is ignored, as FHIR says."""
    type = at.type
    resource = await parsed(house, request, type)
    condition = request.header("if-none-exist")
    if condition is None:
        id = house.new_id()
        version, _ = await house.store.commit(lambda t: t.put(resource, id, "POST"))
        return written(request, version, created=True)
    criteria = pairs(condition.removeprefix(f"{type}?").removeprefix("?"))
    query = matches(house, type, criteria, request.base)

    def work(transaction: Transaction) -> tuple[Version, bool]:
        existing = one_match(transaction, request.reader, type, query)
        if existing is not None:
            return existing, False
        return transaction.put(resource, house.new_id(), "POST")

    version, created = await house.store.commit(work)
    return written(request, version, created=created)


INTERACTIONS = (Interaction("create", "POST", "{type}", create),)
