"""The numbers that the record keeps of itself: how many there are, and which are given next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import FIRST_TERM
from xinglin.store.relational.verifying.findings import Finding


def counters(
    database: Database, live: Mapping[int, int] | None, *, seq: int, t: int
) -> Iterator[Finding]:
    """`live`: the live resources by type, if they were counted. `seq`, `t`: of the last version."""
    if live is not None:
        for rt, type, noted in database.execute("SELECT rt, name, live FROM type").fetchall():
            if noted != live.get(rt, 0):
                yield Finding("count", type, what={"noted": noted, "found": live.get(rt, 0)})
    kept = database.execute("SELECT seq, t, rid, tid FROM lane").fetchall()
    [(rid,)] = database.execute("SELECT coalesce(max(rid), 0) FROM res")
    [(tid,)] = database.execute(f"SELECT coalesce(max(tid), {FIRST_TERM}) FROM term")
    noted = kept[0] if len(kept) == 1 else (-1,) * 4
    for name, number, least in zip(
        ("seq", "t", "rid", "tid"), noted, (seq, t, rid, tid), strict=True
    ):
        if number < least:
            yield Finding("counter", what={"name": name, "noted": number, "found": least})
