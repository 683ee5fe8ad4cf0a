"""The tables of a record that an earlier edition wrote become those of this one.

A step leads from one version of the schema to the next, in one transaction together with the
note of the version that it leads to: whoever is stopped in the middle finds the version before.
Steps are history. They say in their own words what tables were like, and are never changed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from errno import ENOENT

from xinglin.store.relational.database import Database

SCHEMA_VERSION = 2

_log = logging.getLogger(__name__)


class SchemaMismatch(Exception):  # noqa: N818
    """The record was written by another edition of Xinglin. `found`: its version of the schema."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(f"schema {found}, expected {expected}")
        self.found = found
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Schema:
    """What one engine does where all engines do the same."""

    read: Callable[[Database], int]  # the version of the tables, 0 where there are none
    note: Callable[[Database, int], None]
    make: Callable[[Database], None]  # the tables of `version` in a database without any
    steps: Mapping[int, Callable[[Database], None]]  # by the version that they lead on from
    begin: Sequence[str]  # begins a transaction that no other process has at the same time
    version: int = SCHEMA_VERSION


def prepare(database: Database, schema: Schema) -> None:
    """Make the tables, or bring them up to the present version.

    Raises:
        SchemaMismatch: they are of a later edition, or so old that no step begins there.
    """
    while (found := schema.read(database)) != schema.version:
        if found and found not in schema.steps:
            raise SchemaMismatch(found, schema.version)
        _advance(database, schema, found)


def begin(database: Database, schema: Schema) -> bool:
    """Make the tables in a transaction that the caller ends. False: there are tables already."""
    for statement in schema.begin:
        database.execute(statement)
    if schema.read(database):
        return False
    schema.make(database)
    schema.note(database, schema.version)
    return True


def require(database: Database, schema: Schema) -> None:
    """Change nothing.

    Raises:
        FileNotFoundError: there are no tables.
        SchemaMismatch: they are not of the present version.
    """
    found = schema.read(database)
    if not found:
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
    if found != schema.version:
        raise SchemaMismatch(found, schema.version)


def _advance(database: Database, schema: Schema, found: int) -> None:
    for statement in schema.begin:
        database.execute(statement)
    try:
        # Of two processes that start at once, one makes the step, and the other waited for it.
        if schema.read(database) == found:
            if found:
                _log.warning("schema of the record: from %d to %d", found, found + 1)
                schema.steps[found](database)
                schema.note(database, found + 1)
            else:
                schema.make(database)
                schema.note(database, schema.version)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
