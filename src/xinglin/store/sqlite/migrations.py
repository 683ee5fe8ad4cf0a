"""The steps from each earlier schema of the embedded store to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zstandard import ZstdError

from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.keys import unpack_id
from xinglin.store.relational.versions import METHODS, content_hash, unpacker

_CHUNK = 1000  # versions
UNSOUND = 0  # the hash of a version that was damaged before: it comes along, and `verify` tells


def _with_hashes(database: Database) -> None:
    """1 → 2: an id is bytes in all cases, a version has a hash, and `lane` all counters."""
    database.execute(_RES)
    database.execute(_VER)
    _hash(database)
    database.execute(_LANE)


# An UUID was its 16 bytes, any other id its text.
_RES = """
ALTER TABLE res RENAME TO res_1;
DROP INDEX res_id;
CREATE TABLE res (rid INTEGER PRIMARY KEY, rt INTEGER NOT NULL, id BLOB NOT NULL, seq INTEGER,
                  v INTEGER, live INTEGER, d INTEGER, span INTEGER, has INTEGER);
INSERT INTO res
  SELECT rid, rt, CAST(CASE typeof(id) WHEN 'blob' THEN x'00' || id ELSE id END AS BLOB),
         seq, v, live, d, span, has
  FROM res_1 ORDER BY rid;
CREATE UNIQUE INDEX res_id ON res (rt, id);
DROP TABLE res_1;
"""

_VER = """
ALTER TABLE ver RENAME TO ver_1;
DROP INDEX ver_type;
CREATE TABLE ver (seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, rt INTEGER NOT NULL,
                  rid INTEGER NOT NULL, v INTEGER NOT NULL, method INTEGER NOT NULL,
                  hash INTEGER NOT NULL, dict INTEGER NOT NULL, body BLOB);
"""

_LANE = """
DROP TABLE ver_1;
CREATE INDEX ver_type ON ver (rt);
CREATE TABLE lane (seq INTEGER NOT NULL, t INTEGER NOT NULL, rid INTEGER NOT NULL,
                   tid INTEGER NOT NULL, generation INTEGER NOT NULL);
INSERT INTO lane SELECT
  coalesce((SELECT max(seq) FROM ver), 0),
  coalesce((SELECT t FROM ver ORDER BY seq DESC LIMIT 1), 0),
  coalesce((SELECT max(rid) FROM res), 0),
  coalesce((SELECT number FROM last WHERE name = 'tid'), 1048576),
  0;
DROP TABLE last;
"""

_CHUNK_OF_VER = """
SELECT v.seq, v.t, v.rt, v.rid, v.v, v.method, v.dict, v.body, n.name, r.id
FROM ver_1 v LEFT JOIN type n ON n.rt = v.rt LEFT JOIN res r ON r.rid = v.rid
WHERE v.seq > ? ORDER BY v.seq LIMIT ?
"""
_COLUMNS = ("seq", "t", "rt", "rid", "v", "method", "hash", "dict", "body")


def _hash(database: Database) -> None:
    unpack = unpacker(database).unpack
    last = 0
    while rows := database.execute(_CHUNK_OF_VER, (last, _CHUNK)).fetchall():
        made: list[Row] = []
        for seq, t, rt, rid, v, method, dictionary, body, type, id in rows:
            try:
                stored = None if body is None else unpack(dictionary, body)
                hash = content_hash(type, unpack_id(id), v, t, METHODS[method], stored)
            except (ZstdError, ValueError, TypeError):
                hash = UNSOUND
            made.append((seq, t, rt, rid, v, method, hash, dictionary, body))
        database.insert("ver", _COLUMNS, made, fresh=True)
        last = rows[-1][0]


STEPS: Mapping[int, Callable[[Database], None]] = {1: _with_hashes}
