"""What PostgreSQL's error codes mean to the record (PostgreSQL 15, appendix A), and to clients."""

from __future__ import annotations

from psycopg import errors
from psycopg.pq import ConnStatus, DiagnosticField
from psycopg.pq.abc import PGconn, PGresult

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.relational.database import Full, Unreachable
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
_TOLD = {
    Unreachable: "store.unreachable",
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
    return error


def told(error: BaseException) -> BaseException:
    """A failure of the database, as clients are told of it: they may come again."""
    key = next((key for kind, key in _TOLD.items() if isinstance(error, kind)), None)
    if key is not None:
        refused = Refused(Issue("transient", key))
        refused.__cause__ = error
        return refused
    return error
