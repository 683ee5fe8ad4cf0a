"""How a group of works gets the record in PostgreSQL to itself, among all server processes.

Who has locked the row of `lane` writes, and everybody else waits: so all works are serializable
without ever being refused for it, versions get their numbers in the order in which they are
committed, and nothing appears behind a reader's position in the feed. The lock ends with the
commit, after what was committed is there for all. A server that dies or hangs loses it.
"""

from __future__ import annotations

from xinglin.fhir.search.parameters import standard
from xinglin.store.postgres.access import PATIENCE, Access
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.ledger import Ledger
from xinglin.store.relational.migrations import SCHEMA_VERSION, SchemaMismatch
from xinglin.store.relational.reindexing import IN_FORCE, TO_COME, registry_of

TURN = 60.0  # seconds; a server that hangs loses the lane after 30 (see `connecting.py`)

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement sees what was committed before it
_TAKE = """SELECT seq, t, rid, tid, generation, (SELECT version FROM schema_version)
           FROM lane FOR UPDATE"""


class PostgresLane:
    patience = PATIENCE
    turn = TURN

    def __init__(self, access: Access) -> None:
        self._access = access
        self._generation: int | None = None

    @property
    def gone(self) -> bool:
        return self._access.gone

    def begin(self, ledger: Ledger) -> None:
        ledger.database.execute(_BEGIN)
        [(*counters, generation, schema)] = ledger.database.execute(_TAKE)
        if schema != SCHEMA_VERSION:  # a server of a later edition was started meanwhile
            raise SchemaMismatch(schema, SCHEMA_VERSION)
        if generation != self._generation:
            _look_again(ledger)
            self._generation = generation
        ledger.begin(*counters)

    def commit(self, ledger: Ledger) -> None:
        ledger.database.execute("COMMIT")

    def recover(self, ledger: Ledger) -> None:
        ledger.database.close()
        ledger.reopen(self._access.open("write"))
        self._generation = None

    def told(self, error: BaseException) -> BaseException:
        return self._access.told(error)


def in_force(database: Database) -> Catalogue:
    """The search parameters that searches know."""
    return Catalogue(database, registry_of(database, IN_FORCE) or standard())


def _look_again(ledger: Ledger) -> None:
    """Another process may have changed the search parameters."""
    catalogue = in_force(ledger.database)
    to_come = registry_of(ledger.database, TO_COME)
    ledger.search_by(catalogue)
    ledger.index_by(catalogue if to_come is None else Catalogue(ledger.database, to_come))
