"""A record that is filled from elsewhere: in one transaction, from its tables to the last row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.failures import finding, told
from xinglin.store.postgres.schema import SCHEMA, begin
from xinglin.store.relational.database import Full, Row
from xinglin.store.relational.restoring import Fill
from xinglin.store.relational.tables import TABLES, Table

_ENOUGH = 1 << 20  # bytes for one COPY, counting …
_ROW = 50  # … of a row, and what else it holds in its last column
_SETTINGS = (
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL idle_in_transaction_session_timeout = 0",  # the rows may come slowly
)
# How each index and each key is taken away, and how it is made again.
_INDEXES = f"""
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
FROM pg_constraint
WHERE connamespace = '{SCHEMA}'::regnamespace AND contype IN ('p', 'u')
UNION ALL
SELECT format('DROP INDEX %s', c.oid::regclass), pg_get_indexdef(c.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = '{SCHEMA}'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)"""
_IDENTITIES = f"""
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = '{SCHEMA}' AND is_identity = 'YES'"""


@contextmanager
def new_record(url: str) -> Iterator[Fill]:
    """It is there when the block ends well; else the database is left as it was.

    Raises:
        Refused: there is a record in the database, or its disk is full.
        Unreachable: the database cannot be reached.
        Unusable: rights are missing in it, or other tables have the place of the record's.
    """
    database = Postgres(url, role="write")
    try:
        with finding():
            new = begin(database)
        if not new:
            raise Refused(Issue("conflict", "store.database-taken"))
        yield from _filled(database)
        database.execute("COMMIT")
    except Full as error:
        raise told(error) from error
    finally:
        database.close()  # which undoes what was not committed


def _filled(database: Postgres) -> Iterator[Fill]:
    for setting in _SETTINGS:
        database.execute(setting)
    indexes = database.execute(_INDEXES).fetchall()
    for taken_away, _ in indexes:
        database.execute(taken_away)
    database.execute("DELETE FROM lane")
    heap = _Heap(database)
    yield heap.add
    heap.flush()
    for _, made_again in indexes:  # at once of all rows, which is quicker
        database.execute(made_again)
    for table, column in database.execute(_IDENTITIES).fetchall():
        sequence = f"pg_get_serial_sequence('{SCHEMA}.{table}', '{column}')"
        database.execute(
            f"SELECT setval({sequence}, coalesce(max({column}), 0) + 1, FALSE) FROM {table}"
        )
    for each in TABLES:
        database.execute(f"ANALYZE {each.name}")


class _Heap:
    """Rows on their way: each COPY begins a page of its own, and costs a way there and back."""

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self._table = TABLES[0]
        self._rows: list[Row] = []
        self._bytes = 0

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        if table is not self._table:
            self.flush()
            self._table = table
        self._rows += rows
        self._bytes += _ROW * len(rows)
        if table.heavy:
            self._bytes += sum(len(row[-1] or b"") for row in rows)
        if self._bytes >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        self._database.fill(self._table.name, tuple(self._table.columns), self._rows)
        self._rows.clear()
        self._bytes = 0
