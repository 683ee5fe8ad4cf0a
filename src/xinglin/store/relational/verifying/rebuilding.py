"""Everything that follows from the versions is made from them again: where they lie, the index,
the counters. The versions themselves are not touched.

In one transaction under the lock of the writers. What cannot be read is left as it is: it is in
no index then, and of the history of such a resource the compartments know what can be read.
"""

from __future__ import annotations

from typing import Any

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.parameters import standard
from xinglin.store.relational.catalogue import Catalogue, enrol
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.keys import FIRST_TERM
from xinglin.store.relational.ledger import Ledger
from xinglin.store.relational.reads import Reads
from xinglin.store.relational.reindexing import CURSOR, IN_FORCE, registry_of
from xinglin.store.relational.rows import COLUMNS
from xinglin.store.relational.verifying.findings import Tally
from xinglin.store.relational.verifying.resources import Resources

PORTION = 2000  # versions

_NOTED = """
SELECT v.seq, v.rid, v.v, CASE WHEN v.body IS NULL THEN 0 ELSE 1 END,
       r.rid, r.seq, r.v, r.live, p.seq
FROM ver v LEFT JOIN res r ON r.rid = v.rid LEFT JOIN past p ON p.rid = v.rid AND p.v = v.v
WHERE v.seq > ? ORDER BY v.seq LIMIT ?
"""
_COUNTERS = f"""
SELECT coalesce(max(seq), 0), coalesce(max(t), 0),
       (SELECT coalesce(max(rid), 0) FROM res),
       (SELECT coalesce(max(tid), {FIRST_TERM}) FROM term)
FROM ver
"""


def rebuild(database: Database, tally: Tally) -> None:
    """`tally` says how far the work is. Nobody else writes meanwhile; on an engine that lets
    several processes write, they wait."""
    database.execute("BEGIN")
    try:
        _rebuild(database, tally)
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _rebuild(database: Database, tally: Tally) -> None:
    # The lock; and other processes see by it that they have to look at the parameters again.
    database.execute("UPDATE lane SET generation = generation + 1")
    _count(database)
    registry = registry_of(database, IN_FORCE) or standard()
    enrol(database, registry, RESOURCE_TYPES)
    _place(database, _current)
    _place(database, _superseded)
    [(tally.of_resources,)] = database.execute("SELECT count(*) FROM res WHERE seq IS NOT NULL")
    for table in (*COLUMNS, "comp"):
        database.execute(f"DELETE FROM {table}")
    database.execute("UPDATE type SET live = 0")
    # Other parameters that are being brought into force have to begin anew.
    database.execute("UPDATE cursor SET seq = 0 WHERE name = ?", (CURSOR,))
    _index(database, Catalogue(database, registry), tally)


def _count(database: Database) -> None:
    """The counters never go back: a number that was given may be known elsewhere."""
    [found] = database.execute(_COUNTERS)
    kept = database.execute("SELECT seq, t, rid, tid FROM lane").fetchall()
    if kept:
        counters = [max(pair) for pair in zip(found, kept[0], strict=True)]
        database.execute("UPDATE lane SET seq = ?, t = ?, rid = ?, tid = ?", counters)
    else:
        names = ("seq", "t", "rid", "tid", "generation")
        database.insert("lane", names, [(*found, 0)], fresh=True)


def _place(database: Database, note: Any) -> None:
    last = 0
    while rows := database.execute(_NOTED, (last, PORTION)).fetchall():
        note(database, [row for row in rows if row[4] is not None])
        last = rows[-1][0]


def _current(database: Database, rows: list[Row]) -> None:
    """Where the newest version of each resource lies. When that is lost, its place stays noted:
    the version before it is not what the resource is."""
    states: dict[int, tuple[Any, ...]] = {}
    for seq, rid, v, live, _, noted_seq, noted_v, noted_live, _ in rows:
        current = states.get(rid, (noted_seq, noted_v, noted_live))
        newest = seq == current[0] or current[1] is None or v >= current[1]
        if newest and current != (seq, v, live):
            states[rid] = (seq, v, live)
    database.update("res", "rid", ("seq", "v", "live"), [(rid, *s) for rid, s in states.items()])


def _superseded(database: Database, rows: list[Row]) -> None:
    """Where the others lie."""
    gone: list[Row] = []
    fresh: list[Row] = []
    for seq, rid, v, _, _, _, latest, _, noted in rows:
        wanted = None if v >= latest else seq
        if noted is not None and noted != wanted:
            gone.append((rid, v))
        if wanted is not None and noted != wanted:
            fresh.append((rid, v, seq))
    database.delete("past", ("rid", "v"), gone)
    database.insert("past", ("rid", "v", "seq"), fresh, fresh=True)


def _index(database: Database, catalogue: Catalogue, tally: Tally) -> None:
    ledger = Ledger(database, Reads(database, catalogue), catalogue)
    for _, _, resources in Resources(database, [catalogue], catalogue.type_name).portions():
        for resource in resources:
            if resource.written:
                tally.resources += 1
            if resource.after:
                change = resource.change(resource.after[0])
                ledger.batch.change(change, more=change.live)
            elif resource.is_live:
                more = "UPDATE type SET live = live + 1 WHERE rt = ?"
                database.execute(more, (resource.rt,))
        ledger.keep()
        tally.seen(tally)
    ledger.store()
