"""How many search parameters a type can have: as many as the record can tell the presence of."""

from __future__ import annotations

import asyncio
import json

import pytest

from xinglin.fhir.outcome import Refused
from xinglin.store.face import Store
from xinglin.store.sqlite import open_store


def definitions(number: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "resourceType": "SearchParameter",
                "url": f"http://example.org/{n}",
                "name": "of-status",
                "status": "active",
                "description": "The status once more.",
                "code": f"status-{n}",
                "base": ["Observation"],
                "type": "token",
                "expression": "Observation.status",
            }
        ).encode()
        for n in range(number)
    ]


async def brought_into_force(store: Store, number: int) -> None:
    async for _ in store.reindex(definitions(number)):
        pass


def test_too_many_parameters_are_refused_and_the_record_goes_on() -> None:
    store = open_store(None, clock=lambda: 1_700_000_000_000_000)
    try:
        with pytest.raises(Refused) as refused:
            asyncio.run(brought_into_force(store, 60))
        assert refused.value.issues[0].key == "store.parameters-too-many"
        assert store.registry.find("Observation", "status-0") is None
        asyncio.run(brought_into_force(store, 5))
        assert store.registry.find("Observation", "status-4") is not None
    finally:
        store.close()
