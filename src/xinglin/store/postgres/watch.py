"""Looks once a second at what no request would notice in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg

from xinglin.fhir.outcome import Refused
from xinglin.store.postgres.access import PATIENCE, PAUSE, Access
from xinglin.store.postgres.database import Postgres
from xinglin.store.relational.database import Full, Unreachable, Unusable
from xinglin.store.relational.writer import Writer

EVERY = 1.0  # seconds
CLOSING = 2.0  # seconds; a connection that is being opened cannot be broken off


class Watch:
    """Whether the database answers at all; whether search parameters changed, by whichever
    process; and whether the writer waits for a database that is there and does not let it write
    (its standby is gone, another server hangs)."""

    def __init__(self, access: Access, changed: Callable[[Postgres], None], writer: Writer) -> None:
        self._access = access
        self._changed = changed
        self._writer = writer
        # When the first question was put since the last that was answered.
        self._asked: float | None = None
        self._known: int | None = None  # the generation of search parameters
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=each, name=f"watch {each.__name__}", daemon=True)
            for each in (self._asking, self._waiting)
        ]
        for thread in self._threads:
            thread.start()

    def _waiting(self) -> None:
        """Counted in rounds: while this process itself is held up there are none, and the
        database is not blamed for it."""
        before, rounds = self._asked, 0
        while not self._stop.wait(EVERY):
            asked = self._asked
            rounds = rounds + 1 if asked == before else 0
            before = asked
            if asked is not None and rounds * EVERY >= PATIENCE:
                self._access.gone = True
                self._access.break_off()
            self._writer.look(EVERY)

    def _asking(self) -> None:
        database: Postgres | None = None
        while not self._stop.wait(EVERY if self._asked is None else PAUSE):
            self._asked = self._asked or time.monotonic()
            try:
                database = database or self._access.open("read")
                self._ask(database)
            except (Unreachable, Full, Refused, psycopg.Error):  # (another server took its place)
                if database is not None:
                    database.close()
                database = None
                continue
            except Unusable:  # it answers; and so says everybody's own question to it
                pass
            self._asked = None
            self._access.gone = False
        if database is not None:
            database.close()

    def _ask(self, database: Postgres) -> None:
        [(generation,)] = database.execute("SELECT generation FROM lane")
        if generation != self._known:
            self._changed(database)
            self._known = generation

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(CLOSING)
