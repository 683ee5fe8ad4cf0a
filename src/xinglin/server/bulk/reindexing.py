"""Brings the custom search parameters of the record into force: its SearchParameter resources
(FHIR R4, SearchParameter).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from xinglin.fhir.search.tree import Everything, Query
from xinglin.server.bulk.jobs import Job, Jobs
from xinglin.server.house import House
from xinglin.store.face import UNRESTRICTED, Store

_PAGE = 500


class _Status(msgspec.Struct):
    status: str


async def reindex(house: House, jobs: Jobs, job: Job) -> None:
    """Raises: Cancelled; begun again, it goes on where it was."""
    async for done, of in house.store.reindex(list(definitions(house.store))):
        job.progress = f"{done}/{of}"
        jobs.save(job)


def definitions(store: Store) -> Iterator[bytes]:
    """Those that are not retired."""
    query = Query(("SearchParameter",), Everything(), count=_PAGE)
    cursor = None
    while True:
        page = store.search(UNRESTRICTED, query, cursor=cursor)
        for version in page.hits:
            content = version.content or b"{}"
            if msgspec.json.decode(content, type=_Status).status != "retired":
                yield content
        if page.next is None:
            return
        cursor = page.next
