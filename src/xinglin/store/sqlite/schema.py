"""The tables of the embedded store, and how a file on disk gets them.

Every search key is one 64-bit integer `k`, and every posting `(k, d, rid)` lies in the order
of the clinical date `d`, so that "these, newest first" is one range of one B-tree:

    k < 2^20            all resources of type `rt` (k = rt); in `dt`, `pd`, `qn`, `st`: the
                        parameter `p` itself
    2^20 <= k < 2^35    the term `tid` of a token, uri or composite
    k >= 2^35           a reference: p << 35 | rid of its target

The dictionaries `type`, `param`, `system` and `term` are exact and only grow: no key is a
hash, so no hit has to be verified. A resource that is only referred to has a `rid` and no
version. Versions are never changed or removed.
"""

from __future__ import annotations

import apsw

FIRST_TERM = 1 << 20
REFERENCE_SHIFT = 35
NO_DATE = -(1 << 46)  # sorts before every date; six bytes on disk
DAY_MS = 86_400_000

SCHEMA_VERSION = 1

TABLES = """
CREATE TABLE type (rt INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, live INTEGER NOT NULL);
CREATE TABLE param (p INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bit INTEGER NOT NULL);
CREATE TABLE system (sys INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE);
-- `text`: normalised display that stands with the code; `sys` -1: a text without a code.
CREATE TABLE term (p INTEGER, code TEXT, sys INTEGER, text TEXT, tid INTEGER NOT NULL,
                   PRIMARY KEY (p, code, sys, text)) WITHOUT ROWID;
CREATE INDEX term_text ON term (p, text) WHERE text <> '';
CREATE TABLE last (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE unit (u INTEGER PRIMARY KEY, system TEXT NOT NULL, code TEXT NOT NULL,
                   unit TEXT NOT NULL, UNIQUE (system, code, unit));

-- One row a resource. `live`: 0 deleted. The clinical date begins at `d` and ends at d + span
-- (ms); if it is longer than a day, `span` is null and it lies in `pd`. `has`: one bit for each
-- parameter that has a value.
CREATE TABLE res (rid INTEGER PRIMARY KEY, rt INTEGER NOT NULL, id NOT NULL, seq INTEGER,
                  v INTEGER, live INTEGER, d INTEGER, span INTEGER, has INTEGER);
CREATE UNIQUE INDEX res_id ON res (rt, id);

-- One row a version, in the order of the feed. `dict`: the dictionary that packed the body.
CREATE TABLE ver (seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, rt INTEGER NOT NULL,
                  rid INTEGER NOT NULL, v INTEGER NOT NULL, method INTEGER NOT NULL,
                  dict INTEGER NOT NULL, body BLOB);
CREATE INDEX ver_type ON ver (rt);
-- Where the superseded versions lie; the current one is in `res`.
CREATE TABLE past (rid INTEGER, v INTEGER, seq INTEGER NOT NULL, PRIMARY KEY (rid, v))
  WITHOUT ROWID;
CREATE TABLE dict (dict INTEGER PRIMARY KEY, rt INTEGER NOT NULL, content BLOB NOT NULL);

CREATE TABLE ix (k INTEGER, d INTEGER, rid INTEGER, PRIMARY KEY (k, d, rid)) WITHOUT ROWID;
-- The same references from the other end.
CREATE TABLE link (rid INTEGER, p INTEGER, target INTEGER, PRIMARY KEY (rid, p, target))
  WITHOUT ROWID;
-- Other dates and periods of at most a day lie in `dt`, so that a bound on the end is a bound
-- on the start; longer ones lie in `pd`, ordered by either end.
CREATE TABLE dt (k INTEGER, lo INTEGER, hi INTEGER, rid INTEGER, PRIMARY KEY (k, lo, hi, rid))
  WITHOUT ROWID;
CREATE INDEX dt_rid ON dt (rid, k);
CREATE TABLE pd (k INTEGER, lo INTEGER, hi INTEGER, rid INTEGER, PRIMARY KEY (k, lo, hi, rid))
  WITHOUT ROWID;
CREATE INDEX pd_hi ON pd (k, hi);
CREATE INDEX pd_rid ON pd (rid, k);
-- Numbers and quantities as written; `u`: the unit (0 none). A search in a unit asks for the
-- converted range in each commensurable unit that is in use, so one row is enough. In a
-- composite of two terms `v` is the second term, of a term and a reference the target's rid, or
-- an address's term below zero.
CREATE TABLE qn (k INTEGER, v REAL, u INTEGER, rid INTEGER, PRIMARY KEY (k, v, u, rid))
  WITHOUT ROWID;
CREATE INDEX qn_rid ON qn (rid, k);
CREATE TABLE st (k INTEGER, norm TEXT, raw TEXT, rid INTEGER, PRIMARY KEY (k, norm, raw, rid))
  WITHOUT ROWID;
CREATE INDEX st_rid ON st (rid, k);

-- Resources that were in the compartment of patient `c` and left it, or were deleted.
CREATE TABLE comp (c INTEGER, rid INTEGER, PRIMARY KEY (c, rid)) WITHOUT ROWID;
-- Custom search parameters in force and to come (see reindexing.py), and where consumers of
-- the feed stand.
CREATE TABLE custom (stage INTEGER, place INTEGER, definition BLOB, PRIMARY KEY (stage, place))
  WITHOUT ROWID;
CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""


def connect(path: str, *, cache_kib: int) -> apsw.Connection:
    """A connection set up for the record."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(path, flags=flags, statementcachesize=400)
    connection.set_busy_timeout(10_000)
    # Else SQLite plans a statement anew for each value that is bound to it.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    run = connection.execute
    run("PRAGMA page_size = 4096")
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = FULL")  # acknowledged means on disk
    run(f"PRAGMA cache_size = -{cache_kib}")
    run("PRAGMA temp_store = MEMORY")
    run("PRAGMA wal_autocheckpoint = 0")  # the writer does it
    return connection


def prepare(connection: apsw.Connection) -> None:
    """Make the tables in a new file; refuse a file of another edition.

    Raises:
        SchemaMismatch: the file was written by another edition of the store.
    """
    [found] = connection.execute("PRAGMA user_version").fetchone() or (0,)
    if found == SCHEMA_VERSION:
        return
    if found != 0:
        raise SchemaMismatch(found)
    with connection:
        connection.execute(TABLES)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class SchemaMismatch(Exception):  # noqa: N818
    """The data folder was written by another edition of Xinglin."""

    def __init__(self, found: int) -> None:
        super().__init__(f"schema {found}, expected {SCHEMA_VERSION}")
