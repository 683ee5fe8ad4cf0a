"""Versions in the order of the feed, and the record as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from xinglin.store.sqlite.sql import Sql, both
from xinglin.store.sqlite.versions import COLUMNS

Row = tuple[Any, ...]


def seq_at(connection: apsw.Connection, ms: int) -> int:
    """The first place in the feed at or after a millisecond, by bisection: `t` only grows."""
    t = ms * 1000
    [(low, high)] = connection.execute(
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) FROM ver"
    )
    high += 1
    while low < high:
        middle = (low + high) // 2
        # The feed has no gaps, but does not rely on it.
        [(seq, when)] = connection.execute(
            "SELECT seq, t FROM ver WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)
        )
        if when < t:
            low = seq + 1
        else:
            high = middle
    return int(low)


def versions(
    connection: apsw.Connection,
    *,
    rt: int | None,
    rid: int | None,
    before: int | None,
    since: int | None,
    in_force: tuple[int, int] | None,
) -> Iterator[Row]:
    """Rows of `versions.COLUMNS`, newest first.

    `before`, `since` and `in_force` are places in the feed: those with seq < before, with
    seq >= since, and those written before the end of the stretch and not yet superseded at
    its beginning.
    """
    where = [Sql("1")]
    if rid is not None:
        own = "SELECT seq FROM past WHERE rid = ? UNION ALL SELECT seq FROM res WHERE rid = ?"
        where.append(Sql(f"v.seq IN ({own})", (rid, rid)))
    elif rt is not None:
        where.append(Sql("v.rt = ?", (rt,)))
    if before is not None:
        where.append(Sql("v.seq < ?", (before,)))
    if since is not None:
        where.append(Sql("v.seq >= ?", (since,)))
    if in_force is not None:
        start, end = in_force
        superseded = (
            "(SELECT n.seq FROM past n WHERE n.rid = v.rid AND n.v = v.v + 1 UNION ALL"
            " SELECT r.seq FROM res r WHERE r.rid = v.rid AND r.v = v.v + 1)"
        )
        where.append(Sql(f"v.seq < ? AND coalesce({superseded} >= ?, 1)", (end, start)))
    found = both(where)
    text = (
        f"SELECT {COLUMNS} FROM ver v CROSS JOIN res r ON r.rid = v.rid"
        f" WHERE {found.text} ORDER BY v.seq DESC"
    )
    yield from connection.execute(text, found.bindings)


def one(connection: apsw.Connection, rid: int, number: int) -> Row | None:
    """The version of this number."""
    text = (
        f"SELECT {COLUMNS} FROM res r CROSS JOIN ver v ON v.seq = CASE WHEN r.v = ? THEN r.seq"
        " ELSE (SELECT seq FROM past WHERE rid = r.rid AND v = ?) END WHERE r.rid = ?"
    )
    return connection.execute(text, (number, number, rid)).fetchone()


def as_of(connection: apsw.Connection, rid: int, end: int) -> Row | None:
    """The version in force just before this place in the feed."""
    text = (
        f"SELECT {COLUMNS} FROM res r CROSS JOIN ver v ON v.seq = (SELECT max(seq) FROM"
        " (SELECT seq FROM past WHERE rid = r.rid AND seq < ? UNION ALL"
        " SELECT r.seq AS seq WHERE r.seq < ?)) WHERE r.rid = ?"
    )
    return connection.execute(text, (end, end, rid)).fetchone()
