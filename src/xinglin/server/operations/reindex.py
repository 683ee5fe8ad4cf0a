"""$reindex: the SearchParameter resources of the record come into force. Searches go on
meanwhile, by the parameters in force so far. The operation is our own.
"""

from __future__ import annotations

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.bulk.jobs import Job
from xinglin.server.declare import Operation
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.operations.bulk import accepted, jobs_of
from xinglin.server.preference import preference


async def reindex(house: House, request: Request, at: Target) -> Response:
    if not preference(request).asynchronous:
        raise Refused(Issue("not-supported", "server.bulk-asynchronous", at="Prefer"), status=400)
    address = "/".join((request.base, *request.segments))
    job = Job(id=house.new_id(), kind="reindex", request=address, begun=house.clock())
    jobs_of(house).add(job)
    return accepted(request, job)


OPERATIONS = (
    Operation(
        "reindex",
        ("system",),
        reindex,
        affects_state=True,
        definition="https://xinglin.example/fhir/OperationDefinition/reindex",
    ),
)
