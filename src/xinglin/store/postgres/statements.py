"""Statements on many rows at once: each column travels as one array."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from xinglin.store.postgres.wire import ARRAYS, array
from xinglin.store.postgres.wording import LONG, compared
from xinglin.store.relational.database import Row

Columns = tuple[str, ...]
Types = tuple[int, ...]

_NAMES = {16: "bool", 17: "bytea", 20: "int8", 21: "int2", 23: "int4", 25: "text", 701: "float8"}


def arrays(types: Types, rows: Sequence[Row]) -> list[tuple[int, bytes]]:
    """The bindings of a statement on these rows."""
    columns = zip(*rows, strict=True)
    return [(ARRAYS[oid], array(oid, column)) for oid, column in zip(types, columns, strict=True)]


@lru_cache
def lookup(table: str, columns: Columns, wanted: str, types: Types) -> str:
    return (
        f"SELECT t.{wanted} FROM {_rows(columns, types, 'WITH ORDINALITY', 'place')}"
        f" LEFT JOIN {table} t ON {_same(columns)} ORDER BY n.place"
    )


@lru_cache
def insert(table: str, columns: Columns, types: Types, fresh: bool) -> str:
    listed = ", ".join(columns)
    known = "" if fresh else " ON CONFLICT DO NOTHING"
    return f"INSERT INTO {table} ({listed}) SELECT * FROM {_rows(columns, types)}{known}"


@lru_cache
def delete(table: str, columns: Columns, types: Types) -> str:
    return f"DELETE FROM {table} t USING {_rows(columns, types)} WHERE {_same(columns)}"


@lru_cache
def update(table: str, columns: Columns, types: Types) -> str:
    """The first column is the key."""
    values = ", ".join(f"{column} = n.{column}" for column in columns[1:])
    return f"UPDATE {table} t SET {values} FROM {_rows(columns, types)} WHERE {_same(columns[:1])}"


def _rows(columns: Columns, types: Types, more: str = "", *added: str) -> str:
    listed = ", ".join(f"${at}::{_NAMES[oid]}[]" for at, oid in enumerate(types, start=1))
    return f"unnest({listed}) {more} n ({', '.join((*columns, *added))})"


def _same(columns: Columns) -> str:
    return " AND ".join(
        compared(f"t.{column}", "=", f"n.{column}")
        if column in LONG
        else f"t.{column} = n.{column}"
        for column in columns
    )
