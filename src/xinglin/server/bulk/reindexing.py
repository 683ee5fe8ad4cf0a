"""Brings the custom search parameters of the record into force: its SearchParameter resources
(FHIR R4, SearchParameter).

One that cannot be searched by may well be stored, as a draft or for others; it is left out with
a warning, and stops none of the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from xinglin.fhir.outcome import Issue
from xinglin.fhir.search.parameters import standard
from xinglin.fhir.search.tree import Everything, Query
from xinglin.server.bulk.jobs import Job, Jobs, Output
from xinglin.server.house import House
from xinglin.server.refusal import outcome_text
from xinglin.store.face import UNRESTRICTED, Store, Version

REPORT: Final = "warnings.ndjson"
_PAGE: Final = 500


class Chosen(NamedTuple):
    """The definitions to bring into force, and the warnings about each of the others."""

    definitions: Sequence[bytes]
    left_out: Sequence[Sequence[Issue]]


class _Status(msgspec.Struct):
    status: str


async def reindex(house: House, jobs: Jobs, job: Job) -> None:
    """Raises: Cancelled; begun again, it goes on where it was."""
    definitions, left_out = await chosen(house.store)
    report = b"".join(outcome_text(warnings, "en") + b"\n" for warnings in left_out)
    if report:
        jobs.check(job)
        jobs.path(job, REPORT).write_bytes(report)
        job.errors = [Output("OperationOutcome", REPORT, len(left_out))]
    async for done, of in house.store.reindex(definitions):
        job.progress = f"{done}/{of}"
        jobs.save(job)


async def chosen(store: Store) -> Chosen:
    found = [version async for version in _current(store)]
    contents = [version.content or b"" for version in found]
    misfits = standard().misfits(contents)
    left_out = []
    for place, refused in sorted(misfits.items()):
        said = Issue("not-supported", "server.reindex-left-out", given={"id": found[place].id})
        warnings = [replace(issue, severity="warning") for issue in (said, *refused.issues)]
        left_out.append(warnings)
    return Chosen([c for place, c in enumerate(contents) if place not in misfits], left_out)


async def _current(store: Store) -> AsyncIterator[Version]:
    """The SearchParameter resources that are not retired."""
    query = Query(("SearchParameter",), Everything(), count=_PAGE)
    cursor = None
    while True:
        page = await store.search(UNRESTRICTED, query, cursor=cursor)
        for version in page.hits:
            content = version.content or b"{}"
            if msgspec.json.decode(content, type=_Status).status != "retired":
                yield version
        if page.next is None:
            return
        cursor = page.next
