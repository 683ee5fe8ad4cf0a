"""$export of the record, of all patients, of a group of patients
(FHIR Bulk Data Access 2.0.0, "Bulk Data Kick-off Request").
"""

from __future__ import annotations

from typing import Final

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.server.answers import found
from xinglin.server.bulk.filters import wanted
from xinglin.server.bulk.jobs import Job
from xinglin.server.declare import Operation
from xinglin.server.house import House, Target
from xinglin.server.http import Request, Response
from xinglin.server.moments import asked_range
from xinglin.server.operations.bulk import accepted, jobs_of
from xinglin.server.operations.parameters import asked, listed
from xinglin.server.preference import preference

_KNOWN: Final = ("_outputFormat", "_since", "_type", "_typeFilter")
_FORMATS: Final = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_DEFINITION: Final = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"


async def export(house: House, request: Request, at: Target) -> Response:
    if not preference(request).asynchronous:
        raise Refused(Issue("not-supported", "server.bulk-asynchronous", at="Prefer"), status=400)
    # Bulk Data 2.0.0: an error unless the client is lenient. Who asked for less gets no more.
    pairs = asked(house, request, _KNOWN, usually_strict=True)
    given = dict(pairs)
    format = given.get("_outputFormat", "ndjson").replace(" ", "+")
    if format not in _FORMATS:
        raise _bad_value("_outputFormat", format)
    types = listed(pairs, "_type")
    for name in types:
        if name not in RESOURCE_TYPES:
            raise _bad_value("_type", name)
    filters = [value for name, value in pairs if name == "_typeFilter"]
    for each in filters:
        wanted(house, each)
    if at.id:
        found(await house.store.read(request.reader, "Group", at.id), "Group", at.id)
    query = f"?{request.raw_query}" if request.raw_query else ""
    job = Job(
        id=house.new_id(),
        kind="export",
        request="/".join((request.base, *request.segments)) + query,
        begun=house.clock(),
        types=list(dict.fromkeys(types)),
        filters=filters,
        since=asked_range("_since", given["_since"])[0] if "_since" in given else None,
        patients="group" if at.id else "all" if at.type else "none",
        group=at.id,
    )
    jobs_of(house).add(job)
    return accepted(request, job)


def _bad_value(name: str, text: str) -> Refused:
    issue = Issue("value", "server.bad-value", at=name, given={"text": text[:100]})
    return Refused(issue, status=400)


OPERATIONS = (
    Operation("export", ("system",), export, definition=f"{_DEFINITION}export"),
    Operation(
        "export", ("type",), export, types=("Patient",), definition=f"{_DEFINITION}patient-export"
    ),
    Operation(
        "export", ("instance",), export, types=("Group",), definition=f"{_DEFINITION}group-export"
    ),
)
