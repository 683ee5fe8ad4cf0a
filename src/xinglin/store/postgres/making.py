"""A record that is filled from elsewhere: in one transaction, from its tables to the last row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.postgres.database import Postgres
from xinglin.store.postgres.lane import told
from xinglin.store.postgres.schema import SCHEMA, begin
from xinglin.store.relational.database import Full, Row
from xinglin.store.relational.restoring import Fill
from xinglin.store.relational.tables import TABLES, Table

_SETTINGS = (
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL idle_in_transaction_session_timeout = 0",  # the rows may come slowly
)
_INDEXES = f"""
SELECT c.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = '{SCHEMA}'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)"""
_IDENTITIES = f"""
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = '{SCHEMA}' AND is_identity = 'YES'"""


@contextmanager
def new_record(url: str) -> Iterator[Fill]:
    """It is there when the block ends well; else the database is left as it was.

    Raises:
        Refused: there is a record in the database, or its disk is full.
        Unreachable: the database cannot be reached.
    """
    database = Postgres(url, role="write")
    try:
        if not begin(database):
            raise Refused(Issue("conflict", "store.database-taken"))
        yield from _filled(database)
        database.execute("COMMIT")
    except Full as error:
        raise told(error) from error
    finally:
        database.close()  # which undoes what was not committed


def _filled(database: Postgres) -> Iterator[Fill]:
    def fill(table: Table, rows: Sequence[Row]) -> None:
        database.fill(table.name, tuple(table.columns), rows)

    for setting in _SETTINGS:
        database.execute(setting)
    indexes = database.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    database.execute("DELETE FROM lane")
    yield fill
    for _, statement in indexes:  # made at once of all rows, they are made faster
        database.execute(statement)
    for table, column in database.execute(_IDENTITIES).fetchall():
        sequence = f"pg_get_serial_sequence('{SCHEMA}.{table}', '{column}')"
        database.execute(
            f"SELECT setval({sequence}, coalesce(max({column}), 0) + 1, FALSE) FROM {table}"
        )
    for each in TABLES:
        database.execute(f"ANALYZE {each.name}")
