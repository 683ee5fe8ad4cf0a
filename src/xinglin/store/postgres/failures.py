"""What PostgreSQL's error codes mean to the record (PostgreSQL 15, appendix A), and to clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, DiagnosticField
from psycopg.pq.abc import PGconn, PGresult

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.relational.database import Busy, Full, Unreachable, Unusable
from xinglin.store.relational.migrations import SchemaMismatch

_GONE = {
    "25006",  # read-only: it was the primary, and is a standby now
    "25P03",  # the session was ended because it did nothing inside a transaction
    "25P04",  # … or because its transaction took too long
    "40001",  # what it would write cannot be reconciled with what others wrote
    "40P01",  # it and another waited for one another
    "57014",  # somebody cancelled the statement, or it took too long
    "57P01",  # the server is being stopped
    "57P02",  # … or another session crashed
    "57P03",  # it is not ready yet
    "57P05",  # the session was ended because it did nothing
}
_CONNECTION = "08"
_UNUSABLE = {
    "3F000",  # the schema is not there
    "42501",  # rights are missing
    "42P01",  # a table is not there
}
_TOLD = {
    Unreachable: "store.unreachable",
    Busy: "store.busy",
    Unusable: "store.unusable",
    Full: "store.cannot-keep",
    SchemaMismatch: "store.of-another-edition",
}
_FULL = ("53", "58")  # out of disk or memory; the disk fails


def failure(connection: PGconn, result: PGresult) -> Exception:
    """What to raise for a result that is an error."""
    code = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    error = errors.error_from_result(result)
    told = str(error).strip()
    if connection.status != ConnStatus.OK or code in _GONE or code.startswith(_CONNECTION):
        return Unreachable(told)
    if code.startswith(_FULL):
        return Full(told)
    if code in _UNUSABLE:
        return Unusable(_primary(error))
    return error


@contextmanager
def finding() -> Iterator[None]:
    """Inside, the tables of a record are looked for, or made. Whatever the database has against
    that, it cannot be used.

    Raises: Unusable.
    """
    try:
        yield
    except psycopg.Error as error:
        raise Unusable(_primary(error)) from error


def _primary(error: psycopg.Error) -> str:
    """Without the statement, which says nothing to who gave the rights."""
    return " ".join((error.diag.message_primary or str(error)).split())


def told(error: BaseException) -> BaseException:
    """A failure of the database, as clients are told of it: they may come again."""
    key = next((key for kind, key in _TOLD.items() if isinstance(error, kind)), None)
    if key is not None:
        refused = Refused(Issue("transient", key))
        refused.__cause__ = error
        return refused
    return error
