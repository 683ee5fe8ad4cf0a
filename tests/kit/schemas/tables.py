"""The tables of a record as each engine makes them today, in words that can be compared."""

from __future__ import annotations

from pathlib import Path

import apsw

from xinglin.store.postgres import schema as postgres
from xinglin.store.relational.migrations import SCHEMA_VERSION
from xinglin.store.sqlite import schema as sqlite

HERE = Path(__file__).parent


def of_sqlite_file(connection: apsw.Connection) -> str:
    found = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name"
    )
    return "".join(f"{sql};\n" for (sql,) in found)


def of_sqlite() -> str:
    connection = apsw.Connection(":memory:")
    connection.execute(sqlite.TABLES)
    return of_sqlite_file(connection)


def of_postgres() -> str:
    return postgres.FUNCTIONS + postgres.TABLES


MADE = {"sqlite": of_sqlite, "postgres": of_postgres}


def kept(engine: str) -> Path:
    return HERE / f"{engine}-{SCHEMA_VERSION}.sql"


if __name__ == "__main__":
    for engine, made in MADE.items():
        kept(engine).write_text(made())
