"""Looks once a second at what no request would notice in time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from xinglin.store.postgres.database import Postgres
from xinglin.store.relational.database import Full, Unreachable
from xinglin.store.relational.writer import Writer

EVERY = 1.0  # seconds


class Watch:
    """Whether search parameters changed, by whichever process, and whether the writer waits for
    a database that is there and does not answer (its standby is gone, its disk hangs)."""

    def __init__(
        self,
        connect: Callable[[], Postgres],
        changed: Callable[[Postgres], None],
        writer: Writer,
    ) -> None:
        self._connect = connect
        self._changed = changed
        self._writer = writer
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=each, name=f"watch {each.__name__}", daemon=True)
            for each in (self._parameters, self._waiting)
        ]
        for thread in self._threads:
            thread.start()

    def _waiting(self) -> None:
        while not self._stop.wait(EVERY):
            self._writer.refuse_if_stuck()

    def _parameters(self) -> None:
        database: Postgres | None = None
        known: int | None = None
        while not self._stop.wait(EVERY):
            try:
                database = database or self._connect()
                [(generation,)] = database.execute("SELECT generation FROM lane")
                if generation != known:
                    self._changed(database)
                    known = generation
            except (Unreachable, Full):
                if database is not None:
                    database.close()
                database = None
        if database is not None:
            database.close()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
