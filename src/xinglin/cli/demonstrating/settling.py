"""Residents of the demo district settle in the record.

They come as transactions through the door that everybody's come through. Their ids follow from
the seed, so it can be told who is there: nobody is put into the record twice, and who was
changed or deleted in it since stays so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date

import orjson

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.house import House
from xinglin.server.http import Request
from xinglin.simulator.catalogue import Json
from xinglin.simulator.chart import Chart
from xinglin.simulator.district import district
from xinglin.simulator.residents import resident
from xinglin.store.face import UNRESTRICTED

# Sent together, so that they share a commit; few, so that other requests need not wait long.
TOGETHER = 4


@dataclass(frozen=True, slots=True)
class Population:
    seed: int
    count: int
    today: date


async def is_ours(house: House) -> bool:
    """Whether the record may have a demo in it: it is empty, or the district is there."""
    return await house.store.end() == 0 or await _has_district(house)


async def newcomers(house: House, population: Population) -> list[int]:
    """The numbers of the residents whom the record never knew.

    Raises:
        Refused: the record has something else in it.
    """
    if not await is_ours(house):
        folder = str(house.settings.data)
        raise Refused(Issue("conflict", "cli.demo-not-ours", "data", {"folder": folder}))
    ids = ((n, patient_id(population.seed, n)) for n in range(population.count))
    return [n for n, id in ids if not await _known(house, "Patient", id)]


def patient_id(seed: int, number: int) -> str:
    """What `resident` calls its Patient, without the telling of a whole life."""
    reference: str = Chart(f"{seed}/{number}").add({"resourceType": "Patient"})["reference"]
    return reference.removeprefix("urn:uuid:")


async def settle(
    house: House, population: Population, numbers: Sequence[int], stop: Callable[[], bool]
) -> AsyncIterator[int]:
    """Bring the residents of these numbers into the record until it should `stop`; says each
    time how many have come since the last."""
    if not await _has_district(house):
        await _sent(house, district())
    for start in range(0, len(numbers), TOGETHER):
        if stop():
            return
        some = numbers[start : start + TOGETHER]
        told = await asyncio.to_thread(_told, population, some)
        await asyncio.gather(*(_sent(house, bundle) for bundle in told))
        yield len(some)


def _told(population: Population, numbers: Sequence[int]) -> list[Json]:
    return [resident(population.seed, number, population.today) for number in numbers]


async def _sent(house: House, bundle: Json) -> None:
    await house.answer(house, Request("POST", (), body=orjson.dumps(bundle)))


async def _has_district(house: House) -> bool:
    first = district()["entry"][0]["resource"]
    return await _known(house, first["resourceType"], first["id"])


async def _known(house: House, type: str, id: str) -> bool:
    return await house.store.read(UNRESTRICTED, type, id) is not None
