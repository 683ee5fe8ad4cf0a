"""How a connection to PostgreSQL is opened, and what is asked of its session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.postgres.schema import SCHEMA
from xinglin.store.relational.database import Unreachable

# To ask what clients want to know, to read at one's leisure, to write, to hold a lease.
Role = Literal["ask", "read", "write", "lease"]

URL = ("postgresql://", "postgres://")
EARLIEST = 15  # edition of PostgreSQL; what is asked of it was tried with none before
LIMIT = 60  # seconds that an answer to a client may take

# Who is gone without a word is found out in about ten seconds, whether it owes an answer (keep
# alive) or an acknowledgement (user timeout).
_NETWORK: dict[str, Any] = {
    "application_name": "xinglin",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "utf8",
}
_SESSION = {
    "search_path": SCHEMA,
    # The shared SQL says itself in which order tables are joined, and each statement is planned
    # once, as in SQLite, not for each value.
    "plan_cache_mode": "force_generic_plan",
    "join_collapse_limit": "1",
    "from_collapse_limit": "1",
    "jit": "off",
    # Every statement has its index, whose order it needs. A plan that is made while tables are
    # small, or for a key of average frequency, must serve in tables that have grown, and for the
    # most frequent key. So there are nested loops only, each step by an index, as in SQLite:
    # they end with the page that was asked for, and never read a table to its end.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_mergejoin": "off",
    "enable_hashjoin": "off",
    "max_parallel_workers_per_gather": "0",
    # The other way round, for what a machine held that is gone: the lane, a lease.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "tcp_user_timeout": "30s",
}
_OF_ROLE: dict[Role, dict[str, str]] = {
    "ask": {"statement_timeout": f"{LIMIT}s"},  # who asked has gone by then
    "read": {},
    "write": {
        "idle_in_transaction_session_timeout": "30s",  # a server that hangs must not keep the lane
        "lock_timeout": "0",
        "statement_timeout": "0",
    },
    "lease": {"idle_session_timeout": "30s"},  # … nor what others could do instead
}
# Acknowledged means on disk. `off` counts only when the URL itself asks for it.
_DURABLE = """SELECT set_config('synchronous_commit', 'on', FALSE) FROM pg_settings
              WHERE name = 'synchronous_commit' AND setting = 'off' AND source <> 'client'"""

_NOT_SHOWN = "PostgreSQL's reason is not shown, since a part of the password is in it"


def connect(url: str, role: Role) -> psycopg.Connection[Any]:
    """What the URL says goes before what is said here.

    Raises:
        Refused: the URL is none, or the database is not of a kind that keeps a record.
        Unreachable: no such server answers.
    """
    asked = _asked(url)
    theirs = str(asked.get("options") or "")
    settings = {n: v for n, v in (_SESSION | _OF_ROLE[role]).items() if n not in theirs}
    try:
        connection = psycopg.connect(**{**_NETWORK, **asked}, autocommit=True)
    except psycopg.OperationalError as error:
        raise Unreachable(_reason(error, url, asked)) from None
    try:
        _require(connection.info)
        _set(connection, settings)
        if role == "write":
            connection.execute(_DURABLE)
    except psycopg.OperationalError as error:
        connection.close()
        raise Unreachable(_reason(error, url, asked)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _asked(url: str) -> dict[str, Any]:
    try:
        asked = conninfo_to_dict(url if url.startswith(URL) else "?")
    except psycopg.ProgrammingError:
        raise Refused(Issue("value", "store.no-database-url", "database")) from None
    # Where an "@" or a "/" in a password was not written as %40 or %2F, libpq takes parts of it
    # for a host, a port, the name of a database, and would tell them to everybody.
    ports = str(asked.get("port") or "0").split(",")
    strange = any("@" in str(asked.get(part)) for part in ("host", "hostaddr", "dbname"))
    if strange or not all(map(str.isdecimal, filter(None, ports))):
        raise Refused(Issue("value", "store.password-in-url", "database"))
    return asked


def _require(found: psycopg.ConnectionInfo) -> None:
    """Every text of a record must find room, and be compared and cut as what it is."""
    edition = found.server_version // 10_000
    if edition < EARLIEST:
        given: dict[str, str | int] = {"found": edition, "earliest": EARLIEST}
        raise Refused(Issue("exception", "store.database-too-old", "database", given))
    encoding = found.parameter_status("server_encoding") or "?"
    if encoding != "UTF8":
        given = {"encoding": encoding}
        raise Refused(Issue("exception", "store.database-encoding", "database", given))


def _reason(error: psycopg.Error, url: str, asked: Mapping[str, Any]) -> str:
    """In one line, and without whatever may be a part of the password."""
    said = " ".join(str(error).split())
    account = url.partition("//")[2].rpartition("@")[0]
    pieces = {str(asked.get("password") or ""), *account.partition(":")[2].split("@")}
    pieces |= {unquote(piece) for piece in pieces}
    return _NOT_SHOWN if any(piece and piece in said for piece in pieces) else said


def _set(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    """For the session; not among the options of the connection, which a pooler would drop."""
    calls = ", ".join("set_config(%s, %s, FALSE)" for _ in settings)
    values = [text for setting in settings.items() for text in setting]
    connection.execute(f"SELECT {calls}".encode(), values)
