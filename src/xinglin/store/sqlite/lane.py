"""How a group of works is written to a SQLite file that nobody else writes to.

After a failed fsync Linux takes the pages for clean that it could not write, and tells it once.
So the question is what SQLite believes to be on disk that no fsync has confirmed since.

* The log: nothing. Frames count when the fsync of their commit has succeeded, and those of a
  failed commit are written again, by whatever is committed next. Until then they lie behind the
  end of the log as if they were valid: should the machine stop now, they come back. So whoever
  wrote them is told that they may be kept, not that they are not; the writer just goes on.
* The database file: what an earlier, incomplete checkpoint copied. SQLite remembers how far that
  was and does not copy it again, but syncs it only with the checkpoint that completes it. If that
  fsync fails, the next one would be taken for the confirmation of pages that are lost, and the log
  begun anew over the only good copy of them. So after such a failure nothing is brought into the
  database any more, not even when it is closed: the log grows, and has everything. Whoever opens
  the record next begins by reading the log from its start, and copies all of it again.
"""

from __future__ import annotations

import logging

import apsw

from xinglin.store.relational.ledger import Ledger
from xinglin.store.sqlite.database import Sqlite, not_synced, told

_log = logging.getLogger(__name__)

LOG_PAGES = 4000  # of 4 KiB in the write-ahead log, before they are brought into the database


class SqliteLane:
    patience = 0.0  # a disk does not come back by waiting for it
    turn = 0.0  # nobody else writes
    gone = False

    def __init__(self) -> None:
        self.log_is_long = False
        self.log_must_stay = False  # it has what the database file may have lost
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
        try:
            self._tidy()
        except apsw.Error as error:  # what was committed stays so
            self.log_must_stay = not_synced(error)
            if self.log_must_stay:
                _log.error("the disk failed to keep the database; its log grows until a restart")

    def recover(self, ledger: Ledger) -> None:
        if ledger.database.in_transaction:
            ledger.database.execute("ROLLBACK")
        ledger.forget()

    def told(self, error: BaseException) -> BaseException:
        return told(error)

    def _tidy(self) -> None:
        """Bring a long log into the database. It can begin anew only when nobody reads from
        it, so while it is long the readers' snapshots do not last (`log_is_long`)."""
        if self._pages >= LOG_PAGES and not self.log_must_stay:
            self.log_is_long = True
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        else:
            self.log_is_long = False
