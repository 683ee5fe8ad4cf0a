"""The tables of the embedded store, and how a file on disk gets them (keys: relational/keys.py)."""

from __future__ import annotations

from functools import partial

from xinglin.store.relational import migrations
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import FIRST_TERM
from xinglin.store.sqlite.migrations import STEPS

TABLES = """
CREATE TABLE type (rt INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, live INTEGER NOT NULL);
CREATE TABLE param (p INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bit INTEGER NOT NULL);
CREATE TABLE system (sys INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE);
-- `text`: normalised display that stands with the code; `sys` -1: a text without a code.
CREATE TABLE term (p INTEGER, code TEXT, sys INTEGER, text TEXT, tid INTEGER NOT NULL,
                   PRIMARY KEY (p, code, sys, text)) WITHOUT ROWID;
CREATE INDEX term_text ON term (p, text) WHERE text <> '';
CREATE TABLE unit (u INTEGER PRIMARY KEY, system TEXT NOT NULL, code TEXT NOT NULL,
                   unit TEXT NOT NULL, UNIQUE (system, code, unit));

-- One row a resource. `live`: 0 deleted. The clinical date begins at `d` and ends at d + span
-- (ms); if it is longer than a day, `span` is null and it lies in `pd`. `has`: one bit for each
-- parameter that has a value.
CREATE TABLE res (rid INTEGER PRIMARY KEY, rt INTEGER NOT NULL, id BLOB NOT NULL, seq INTEGER,
                  v INTEGER, live INTEGER, d INTEGER, span INTEGER, has INTEGER);
CREATE UNIQUE INDEX res_id ON res (rt, id);

-- One row a version, in the order of the feed. `hash`: 64 bits of all that the version says;
-- `dict`: the dictionary that packed the body.
CREATE TABLE ver (seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, rt INTEGER NOT NULL,
                  rid INTEGER NOT NULL, v INTEGER NOT NULL, method INTEGER NOT NULL,
                  hash INTEGER NOT NULL, dict INTEGER NOT NULL, body BLOB);
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
-- The last numbers that were given, and how often the search parameters changed.
CREATE TABLE lane (seq INTEGER NOT NULL, t INTEGER NOT NULL, rid INTEGER NOT NULL,
                   tid INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE cursor (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""


def _version(database: Database) -> int:
    [(found,)] = database.execute("PRAGMA user_version")
    return int(found)


def _note(database: Database, version: int) -> None:
    database.execute(f"PRAGMA user_version = {version}")


def _make(database: Database) -> None:
    database.execute(TABLES)
    database.execute(f"INSERT INTO lane VALUES (0, 0, 0, {FIRST_TERM}, 0)")


_SCHEMA = migrations.Schema(_version, _note, _make, STEPS, begin=("BEGIN IMMEDIATE",))

prepare = partial(migrations.prepare, schema=_SCHEMA)
require = partial(migrations.require, schema=_SCHEMA)
