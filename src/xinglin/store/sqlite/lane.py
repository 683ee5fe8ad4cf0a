"""How a group of works is written to a SQLite file that nobody else writes to."""

from __future__ import annotations

from contextlib import suppress

import apsw

from xinglin.store.relational.ledger import Ledger
from xinglin.store.sqlite.database import Sqlite, told

LOG_PAGES = 4000  # of 4 KiB in the write-ahead log, before they are brought into the database


class SqliteLane:
    patience = 0.0  # a disk does not come back by waiting for it
    gone = False

    def __init__(self) -> None:
        self.log_is_long = False
        self._pages = 0  # in the write-ahead log after the last commit

    def watch(self, database: Sqlite) -> None:
        """Know how long the log of the writer's connection is."""
        self._connection = database.connection
        self._connection.set_wal_hook(self._logged)

    def _logged(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def begin(self, ledger: Ledger) -> None:
        # Nobody else writes, so the lock may wait for the first write: a group that only looks
        # costs no fsync, and is answered even when the disk is full.
        ledger.database.execute("BEGIN")

    def commit(self, ledger: Ledger) -> None:
        ledger.database.execute("COMMIT")
        with suppress(apsw.Error):  # what was committed stays so, and the log is long for longer
            self._tidy()

    def recover(self, ledger: Ledger) -> None:
        if ledger.database.in_transaction:
            ledger.database.execute("ROLLBACK")
        ledger.forget()

    def told(self, error: BaseException) -> BaseException:
        return told(error)

    def _tidy(self) -> None:
        """Bring a long log into the database. It can begin anew only when nobody reads from
        it, so while it is long the readers' snapshots do not last (`log_is_long`)."""
        if self._pages >= LOG_PAGES:
            self.log_is_long = True
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        else:
            self.log_is_long = False
