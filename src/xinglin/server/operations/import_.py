"""$import of NDJSON: a resource a line, written under its own id, one by one
(FHIR Asynchronous Request Pattern, as Bulk Data Access uses it; the operation is our own).

The lines are the body of the request, so that the server fetches nothing from anywhere. The
status is asked for as with $export; its `error` names a file with an OperationOutcome for each
line that was refused.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.bulk.importing import INPUT
from xinglin.server.bulk.jobs import Job
from xinglin.server.declare import Operation
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.operations.bulk import accepted, jobs_of
from xinglin.server.preference import preference

_TYPES: Final = ("application/fhir+ndjson", "application/ndjson", "application/x-ndjson")


async def import_(house: House, request: Request, at: Target) -> Response:
    if not preference(request).asynchronous:
        raise Refused(Issue("not-supported", "server.bulk-asynchronous", at="Prefer"), status=400)
    kind = (request.header("content-type") or _TYPES[0]).partition(";")[0].strip().lower()
    if kind not in _TYPES:
        given: dict[str, str | int] = {"type": kind, "allowed": _TYPES[0]}
        issue = Issue("not-supported", "server.unsupported-media-type", "Content-Type", given)
        raise Refused(issue, status=415)
    address = "/".join((request.base, *request.segments))
    job = Job(id=house.new_id(), kind="import", request=address, begun=house.clock())
    await house.aside(partial(jobs_of(house).add, job, {INPUT: request.body}))
    return accepted(request, job)


OPERATIONS = (
    Operation(
        "import",
        ("system",),
        import_,
        affects_state=True,
        definition="https://xinglin.example/fhir/OperationDefinition/import",
    ),
)
