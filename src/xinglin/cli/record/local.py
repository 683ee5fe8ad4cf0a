"""A record in a folder that this process opens for itself. It is worked on by the very same
interactions as behind a server.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from xinglin.cli import language
from xinglin.cli.record.door import Answer, Kind, Line, Note, Reindexing, Unreachable
from xinglin.cli.record.garbage import seldom_collected
from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.wording import sentence
from xinglin.server import refusal
from xinglin.server.bulk.exporting import of_type
from xinglin.server.bulk.reindexing import chosen
from xinglin.server.house import House
from xinglin.server.http import Request, Response
from xinglin.server.moments import asked_range
from xinglin.server.opening import open_house
from xinglin.server.settings import load
from xinglin.server.within import Within, at_once, run
from xinglin.store.face import Transaction
from xinglin.store.places import shown

_NO_LIMIT: Final = 1_000_000_000  # whoever has the folder needs no protection from himself


class Local:
    def __init__(self, place: Path | str | None, *, new: bool) -> None:
        """None: the place of the settings. `new`: a folder is made where there is none.

        Raises: Unreachable, Refused.
        """
        settings = load(None, {"max_bundle_entries": _NO_LIMIT})
        place = place or settings.place
        self.where = shown(place)
        if isinstance(place, Path) and not (new or place.is_dir()):
            raise Unreachable(self.where, os.strerror(errno.ENOENT))
        self._house = open_house(settings, place)
        self._open = ExitStack()
        self._open.enter_context(seldom_collected())

    async def submit(self, kind: Kind, bundle: bytes, note: Note | None) -> Answer:
        request = Request("POST", (), body=bundle, base="http://localhost/fhir")
        try:
            if kind == "transaction":
                response = await self._noted(request, note)
            else:
                response = await self._house.answer(self._house, request)
                await self._noted(None, note)
        except Refused as refused:
            response = refusal.response(refused, "en")
        assert isinstance(response.body, bytes)  # noqa: S101  (only files are streams)
        return Answer(response.status, response.body)

    async def _noted(self, request: Request | None, note: Note | None) -> Response:
        """Carry out a request and keep the note in one commit."""

        def work(transaction: Transaction) -> Response:
            response = Response(200)
            if request is not None:
                store = Within(self._house.registry, transaction)
                inside: House = replace(self._house, store=store, aside=at_once)
                response = run(inside.answer(inside, request))
            if note is not None:
                transaction.advance(note.key, note.reached)
            return response

        return await self._house.store.commit(work)

    async def reached(self, key: str) -> int:
        return await self._house.store.cursor(key)

    async def forget(self, keys: Sequence[str]) -> None:
        def work(transaction: Transaction) -> None:
            for key in keys:
                transaction.advance(key, 0)

        await self._house.store.commit(work)

    async def export(
        self, types: Sequence[str], since: str | None
    ) -> AsyncIterator[Sequence[Line]]:
        now = await self._house.store.commit(lambda transaction: transaction.moment())
        earliest = asked_range("since", since)[0] if since else None
        for name in types or RESOURCE_TYPES:
            async for page in of_type(self._house.store, name, now):
                yield [
                    Line(version.type, version.content)
                    for version in page
                    if version.content is not None
                    and (earliest is None or version.t // 1000 >= earliest)
                ]
                await asyncio.sleep(0)

    async def reindex(self) -> AsyncIterator[Reindexing]:
        store = self._house.store
        definitions, left_out = await chosen(store)
        async for done, of in store.reindex(definitions):
            yield Reindexing(f"{done}/{of}")
        said = [" ".join(sentence(each, language()) for each in issues) for issues in left_out]
        yield Reindexing(left_out=said)

    async def close(self) -> None:
        self._house.store.close()
        self._open.close()
