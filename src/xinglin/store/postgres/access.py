"""The way to the database that all parts of a store share: their connections, and whether anybody
answers at their other end.

A database that hangs keeps its connections open and says nothing. They are broken off from
outside then, so that whoever waits for an answer gets an error instead.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from xinglin.store.postgres.connecting import Role
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.failures import told
from xinglin.store.relational.database import Unreachable, Unusable

PATIENCE = (
    10.0  # seconds that anybody waits for a database that is not there; a failover takes less
)
PAUSE = 0.2  # seconds between two attempts
QUIET = 60.0  # seconds without a reason, after which it is news again

_log = logging.getLogger(__name__)


class Access:
    """`gone`: for so long that nobody needs to wait for it, or even to try, any more. The watch
    (`watch.py`) goes on trying, and says so here; whoever waits then is told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: WeakSet[Postgres] = WeakSet()
        self._awaited: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._gone = False
        self._reasons: dict[str, float] = {}  # why it could not be used, and when that was so

    @property
    def gone(self) -> bool:
        return self._gone or self._closed

    @gone.setter
    def gone(self, gone: bool) -> None:
        self._gone = gone
        if gone:
            for answer in tuple(self._awaited):
                with suppress(RuntimeError):  # who asked may be gone, and its loop closed
                    answer.get_loop().call_soon_threadsafe(_refuse, answer)

    def require(self) -> None:
        """Raises: Refused when nobody has found the database for a while."""
        if self.gone:
            raise _gone()

    async def answered(self, answer: asyncio.Future[Any], limit: float | None = None) -> Any:
        """Wait for an answer, but not beyond the moment when the database counts as gone.

        Raises: what it ends with; TimeoutError; Refused.
        """
        self.require()
        self._awaited.add(answer)
        try:
            return await asyncio.wait_for(answer, limit)
        finally:
            self._awaited.discard(answer)

    def open(self, role: Role) -> Postgres:
        """Raises: Unreachable."""
        if self._closed:
            raise Unreachable("the store is closed")
        database = Postgres(self._url, role=role)
        with self._lock:
            self._opened.add(database)
        if self._closed:
            database.break_off()
        return database

    def told(self, error: BaseException) -> BaseException:
        """A failure as clients are told of it. They learn nothing of the tables: why the
        database cannot be used stands in the log, once for as long as it is so."""
        if isinstance(error, Unusable):
            reason, now = str(error), time.monotonic()
            if now - self._reasons.get(reason, -QUIET) >= QUIET:
                _log.error("the database cannot be used: %s", reason)
            self._reasons[reason] = now
        return told(error)

    def waits(self, since: float) -> bool:
        """Whether who began at that time (of `time.monotonic`) and lost the database tries again:
        after a pause, unless it is gone or all this takes too long already."""
        time.sleep(PAUSE)
        return not self.gone and time.monotonic() - since < PATIENCE

    def break_off(self) -> None:
        """Let everybody who waits for an answer know that none will come."""
        with self._lock:
            opened = list(self._opened)
        for database in opened:
            database.break_off()

    def close(self) -> None:
        """Nobody waits any longer, and nothing is opened."""
        self._closed = True
        self.break_off()


def _gone() -> BaseException:
    return told(Unreachable("it has been gone for a while"))


def _refuse(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(_gone())
