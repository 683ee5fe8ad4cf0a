"""Versions in the order of the feed, and the record as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xinglin.store.relational.database import Database
from xinglin.store.relational.sql import Sql, both
from xinglin.store.relational.versions import COLUMNS

Row = tuple[Any, ...]


_FOREVER = 1 << 62  # a time that the database can hold
_MIDDLE = "(SELECT v.t FROM ver v WHERE v.seq >= (low + high) / 2 ORDER BY v.seq LIMIT 1)"
_SEQ_AT = f"""
    WITH RECURSIVE b (low, high) AS (
        SELECT CAST(1 AS BIGINT), (SELECT coalesce(max(seq), 0) + 1 FROM ver)
        UNION ALL
        SELECT CASE WHEN {_MIDDLE} < ? THEN (low + high) / 2 + 1 ELSE low END,
               CASE WHEN {_MIDDLE} < ? THEN high ELSE (low + high) / 2 END
        FROM b WHERE low < high)
    SELECT max(low) FROM b"""


def seq_at(database: Database, ms: int) -> int:
    """The first place in the feed at or after a millisecond, by bisection: `t` only grows."""
    t = max(-_FOREVER, min(ms * 1000, _FOREVER))
    [(seq,)] = database.execute(_SEQ_AT, (t, t))
    return int(seq)


def versions(
    database: Database,
    *,
    rt: int | None,
    rid: int | None,
    before: int | None,
    since: int | None,
    in_force: tuple[int, int] | None,
    step: int,
) -> Iterator[Row]:
    """Rows of `versions.COLUMNS`, newest first, read `step` by `step`.

    `before`, `since` and `in_force` are places in the feed: those with seq < before, with
    seq >= since, and those written before the end of the stretch and not yet superseded at
    its beginning.
    """
    source, where = Sql("ver v CROSS JOIN res r"), [Sql("r.rid = v.rid")]
    if rid is not None:
        own = "SELECT seq FROM past WHERE rid = ? UNION ALL SELECT seq FROM res WHERE rid = ?"
        source = Sql(f"({own}) o CROSS JOIN {source.text}", (rid, rid))
        where.append(Sql("v.seq = o.seq"))
    elif rt is not None:
        where.append(Sql("v.rt = ?", (rt,)))
    if since is not None:
        where.append(Sql("v.seq >= ?", (since,)))
    if in_force is not None:
        start, end = in_force
        superseded = (
            "(SELECT n.seq FROM past n WHERE n.rid = v.rid AND n.v = v.v + 1 UNION ALL"
            " SELECT r.seq FROM res r WHERE r.rid = v.rid AND r.v = v.v + 1)"
        )
        where.append(Sql(f"v.seq < ? AND coalesce({superseded} >= ?, TRUE)", (end, start)))
    more = True
    while more:
        held = both(where if before is None else (*where, Sql("v.seq < ?", (before,))))
        text = (
            f"SELECT {COLUMNS} FROM {source.text}"
            f" WHERE {held.text} ORDER BY v.seq DESC LIMIT {step}"
        )
        rows = database.execute(text, (*source.bindings, *held.bindings)).fetchall()
        yield from rows
        more = len(rows) == step
        if more:
            before = rows[-1][0]


def one(database: Database, rid: int, number: int) -> Row | None:
    """The version of this number."""
    text = (
        f"SELECT {COLUMNS} FROM res r CROSS JOIN ver v WHERE r.rid = ? AND v.seq ="
        " CASE WHEN r.v = ? THEN r.seq ELSE (SELECT seq FROM past WHERE rid = r.rid AND v = ?) END"
    )
    return database.execute(text, (rid, number, number)).fetchone()


def as_of(database: Database, rid: int, end: int) -> Row | None:
    """The version in force just before this place in the feed."""
    text = (
        f"SELECT {COLUMNS} FROM res r CROSS JOIN ver v WHERE r.rid = ? AND v.seq = (SELECT max(seq)"
        " FROM (SELECT seq FROM past WHERE rid = r.rid AND seq < ? UNION ALL"
        " SELECT r.seq AS seq WHERE r.seq < ?) p)"
    )
    return database.execute(text, (rid, end, end)).fetchone()
