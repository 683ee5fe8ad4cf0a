"""batch: entries carried out each on its own (FHIR R4, RESTful API, "batch/transaction").

Entries of one phase do not depend on one another, so several are under way at a time and share
one write to the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from xinglin.fhir.bundle import Bundle, Entry, split
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.bundles import bundle as bundle_text
from xinglin.server.declare import Interaction
from xinglin.server.entries import PHASES, as_entry, as_request, inherited, phase, refused_entry
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.interactions.transaction import transaction
from xinglin.server.parsing import LARGE

_AT_A_TIME: Final = 64


async def submit(house: House, request: Request, at: Target) -> Response:
    """A Bundle posted to the base: a batch or a transaction."""
    limit = house.settings.max_bundle_entries
    if len(request.body) < LARGE:
        bundle = split(request.body, limit=limit)
    else:
        bundle = await house.aside(partial(split, request.body, limit=limit))
    match bundle.type:
        case "transaction":
            kind, answers = "transaction-response", await transaction(house, request, bundle)
        case "batch":
            kind, answers = "batch-response", await _batch(house, request, bundle)
        case other:
            given: dict[str, str | int] = {"type": other}
            raise Refused(Issue("value", "server.bundle-type", at="Bundle.type", given=given))
    return Response(200, bundle_text(kind, answers), [FHIR_JSON])


async def _batch(house: House, outer: Request, bundle: Bundle) -> Sequence[bytes]:
    headers = inherited(outer)
    answers = [b""] * len(bundle.entries)
    phases: list[list[int]] = [[] for _ in PHASES]

    async def carry_out(index: int, entry: Entry) -> None:
        try:
            request = as_request(outer, entry, headers, entry.body)
            answers[index] = as_entry(request, await house.answer(house, request))
        except Refused as refused:
            answers[index] = refused_entry(refused, outer.language)

    for index, entry in enumerate(bundle.entries):
        try:
            phases[phase(entry)].append(index)
        except Refused as refused:
            answers[index] = refused_entry(refused, outer.language)
    for indexes in phases:
        for start in range(0, len(indexes), _AT_A_TIME):
            some = indexes[start : start + _AT_A_TIME]
            await asyncio.gather(*(carry_out(index, bundle.entries[index]) for index in some))
    return answers


INTERACTIONS = (
    Interaction("batch", "POST", "", submit),
    Interaction("transaction", "POST", "", submit),
)
