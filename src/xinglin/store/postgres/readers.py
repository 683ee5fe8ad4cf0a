"""Threads that read: each has a connection of its own, and opens another when it is gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.lane import PATIENCE, told
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Unreachable
from xinglin.store.relational.reads import Reads

Result = TypeVar("Result")

THREADS = 4
LIMIT = 60.0  # seconds that anything may take to read
PAUSE = 0.2  # seconds between two attempts at a database that is not there


class Readers:
    def __init__(
        self, connect: Callable[[], Postgres], catalogue: Callable[[], Catalogue], threads: int
    ) -> None:
        """`catalogue`: the parameters that are in force."""
        self._connect = connect
        self._catalogue = catalogue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._mine = threading.local()
        self._opened: set[Postgres] = set()
        self._lost: float | None = None  # since when the database is not there

    async def ask(self, question: Callable[[Reads], Result]) -> Result:
        """Raises: Refused when the database cannot be reached."""
        asked = asyncio.get_running_loop().run_in_executor(self._pool, self.answer, question)
        try:
            return await asyncio.wait_for(asked, LIMIT)
        except TimeoutError as error:
            raise told(Unreachable(f"no answer in {LIMIT} s")) from error

    def answer(self, question: Callable[[Reads], Result]) -> Result:
        """In the calling thread; raises as `ask`."""
        while True:
            try:
                answer = question(self._reads())
            except Unreachable as error:
                self._drop()
                if not self._waits():
                    raise told(error) from error
            else:
                self._lost = None
                return answer

    def _reads(self) -> Reads:
        reads: Reads | None = getattr(self._mine, "reads", None)
        catalogue = self._catalogue()
        if reads is None:
            database = self._mine.database = self._connect()
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

    def _waits(self) -> bool:
        """Whether to try again; nobody waits who comes when it is long gone."""
        now = time.monotonic()
        lost = self._lost = self._lost or now  # another thread may find it again meanwhile
        time.sleep(PAUSE)
        return now - lost < PATIENCE

    def close(self) -> None:
        self._pool.shutdown()
        for database in self._opened:
            database.close()
