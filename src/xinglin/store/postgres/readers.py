"""Threads that read: each has a connection of its own, and opens another when it is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from xinglin.store.postgres.access import Access
from xinglin.store.postgres.connecting import LIMIT
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.failures import told
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Full, Unreachable, Unusable
from xinglin.store.relational.reads import Reads

Result = TypeVar("Result")

THREADS = 4


class Readers:
    def __init__(self, access: Access, catalogue: Callable[[], Catalogue], threads: int) -> None:
        """`catalogue`: the parameters that are in force."""
        self._access = access
        self._catalogue = catalogue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._mine = threading.local()
        self._opened: set[Postgres] = set()

    async def ask(self, question: Callable[[Reads], Result]) -> Result:
        """Raises: Refused when the database cannot be reached."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._access.require()
        self._pool.submit(self._serve, question, loop, answer)
        try:
            found: Result = await self._access.answered(answer, LIMIT)
        except TimeoutError as error:
            raise told(Unreachable(f"no answer in {LIMIT} s")) from error
        return found

    def _serve(
        self,
        question: Callable[[Reads], Result],
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[Result],
    ) -> None:
        if answer.done():
            return  # nobody waits for it any more
        try:
            found = partial(_settle, answer, self.answer(question))
        except BaseException as error:  # noqa: BLE001  (an edge: raised again where it was asked)
            found = partial(_fail, answer, error)
        with suppress(RuntimeError):  # who asked may be gone, and its loop closed
            loop.call_soon_threadsafe(found)

    def answer(self, question: Callable[[Reads], Result]) -> Result:
        """In the calling thread; raises as `ask`."""
        began = time.monotonic()
        while True:
            self._access.require()
            try:
                return question(self._reads())
            except Unreachable as error:
                self._drop()
                if not self._access.waits(began):
                    raise told(error) from error
            except (Full, Unusable) as error:
                raise self._access.told(error) from error

    def _reads(self) -> Reads:
        reads: Reads | None = getattr(self._mine, "reads", None)
        catalogue = self._catalogue()
        if reads is None:
            database = self._mine.database = self._access.open("ask")
            self._opened.add(database)
            reads = self._mine.reads = Reads(database, catalogue)
        elif reads.catalogue is not catalogue:
            reads = self._mine.reads = Reads(self._mine.database, catalogue)
        return reads

    def _drop(self) -> None:
        if getattr(self._mine, "reads", None) is not None:
            self._mine.reads = None
            self._opened.discard(self._mine.database)
            self._mine.database.close()

    def close(self) -> None:
        self._pool.shutdown()
        for database in self._opened:
            database.close()


def _settle(answer: asyncio.Future[Result], found: Result) -> None:
    if not answer.done():
        answer.set_result(found)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
