"""Reads that wait together travel together: one statement fetches them all.

A way to the database and back costs some 100 µs, and a row that comes with others some 7.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import NamedTuple

from psycopg.postgres import types as catalogue_of_types

from xinglin.store.face import Version
from xinglin.store.postgres.access import Access
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.readers import Readers
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.reads import Reads

GROUP = 256  # reads in one statement at most

_TYPES = (catalogue_of_types["int4"].oid, catalogue_of_types["bytea"].oid)
_NO_TYPE = 0
_FETCH = """SELECT n.place, v.seq, v.t, v.rt, n.id, v.v, v.method, v.dict, v.body
            FROM unnest($1::int4[], $2::bytea[]) WITH ORDINALITY n (rt, id, place)
            CROSS JOIN res r CROSS JOIN ver v
            WHERE r.rt = n.rt AND r.id = n.id AND v.seq = r.seq"""


class _Wish(NamedTuple):
    type: str
    id: str
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Version | None]


class Fetcher:
    """Fetches current versions, for who may see all of their types."""

    def __init__(self, access: Access, readers: Readers) -> None:
        self._access = access
        self._readers = readers
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="fetcher", daemon=True)
        self._thread.start()

    async def fetch(self, type: str, id: str) -> Version | None:
        """Raises: Refused when the database cannot be reached."""
        self._access.require()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Version | None] = loop.create_future()
        self._wishes.put(_Wish(type, id, loop, answer))
        found: Version | None = await self._access.answered(answer)
        return found

    def close(self) -> None:
        self._wishes.put(None)
        self._thread.join()
        self._readers.close()

    def _serve(self) -> None:
        while self._open:
            wishes = self._take()
            found: Sequence[Version | None] | Exception
            try:
                found = self._readers.answer(partial(_fetched, wishes=wishes)) if wishes else ()
            except Exception as error:  # noqa: BLE001  (an edge: raised again where it was asked)
                found = error
            for loop in {wish.loop for wish in wishes}:
                with suppress(RuntimeError):  # who asked may be gone, and its loop closed
                    loop.call_soon_threadsafe(_tell, loop, wishes, found)

    def _take(self) -> list[_Wish]:
        """Wait for a wish, and take all that wait."""
        wishes: list[_Wish] = []
        wish = self._wishes.get()
        while wish is not None:
            wishes.append(wish)
            if len(wishes) == GROUP:
                return wishes
            try:
                wish = self._wishes.get_nowait()
            except Empty:
                return wishes
        self._open = False
        return wishes


def _fetched(reads: Reads, wishes: Sequence[_Wish]) -> Sequence[Version | None]:
    assert isinstance(reads.database, Postgres)
    numbers = reads.catalogue.type_number
    keys = [(numbers.get(wish.type, _NO_TYPE), pack_id(wish.id)) for wish in wishes]
    found: list[Version | None] = [None] * len(wishes)
    for place, *row in reads.database.matching(_FETCH, _TYPES, keys):
        found[place - 1] = reads.versions.load(tuple(row))
    return found


def _tell(
    loop: asyncio.AbstractEventLoop,
    wishes: Sequence[_Wish],
    found: Sequence[Version | None] | Exception,
) -> None:
    for place, wish in enumerate(wishes):
        if wish.loop is not loop or wish.answer.done():
            continue
        if isinstance(found, Exception):
            wish.answer.set_exception(found)
        else:
            wish.answer.set_result(found[place])
