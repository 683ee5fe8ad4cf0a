"""What is in the record: how many resources of each type."""

from __future__ import annotations

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.tree import Everything, Query
from xinglin.server.house import House
from xinglin.store.face import Reader


async def counts(house: House, reader: Reader) -> dict[str, int]:
    """Of each type that is there, the most frequent first. The store keeps these numbers, so
    that nothing is counted for this."""
    found = {}
    for name in RESOURCE_TYPES:
        query = Query((name,), Everything(), count=0, total="accurate")
        total = (await house.store.search(reader, query)).total
        if total:
            found[name] = total
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))
