"""One page of a search, and its total.

Pages after the first pass over whatever was written since: it may have moved from behind the
place to before it, and so it is shown at most once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xinglin.fhir.search import tree
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import NO_DATE
from xinglin.store.relational.order import (
    LAST_UPDATED,
    NEWEST_FIRST,
    OLDEST_FIRST,
    Order,
    Place,
    behind,
    clause,
    columns,
    order_of,
    read_place,
)
from xinglin.store.relational.plan import Plan, Postings, plan, rids, rows
from xinglin.store.relational.sql import TRUE, Sql, both, marks
from xinglin.store.relational.versions import COLUMNS

MERGED = 12  # postings that are walked side by side; more are gathered and sorted

Row = tuple[Any, ...]


class Pages:
    """Searches of one reader in one database."""

    def __init__(self, database: Database, conditions: Conditions) -> None:
        self._database = database
        self._conditions = conditions

    def plans(self, query: tree.Query) -> dict[str, Plan]:
        """A plan for each type that can have a hit."""
        types = query.types
        if not types:
            live = self._database.execute("SELECT name FROM type WHERE live > 0")
            types = tuple(name for (name,) in live)
        found = ((t, plan(self._database, self._conditions, t, query.where)) for t in types)
        return {type: each for type, each in found if each is not None}

    def page(
        self, query: tree.Query, plans: dict[str, Plan], cursor: str | None
    ) -> tuple[list[Row], str | None]:
        """The rows of `versions.COLUMNS` of the hits, and the cursor of the next page."""
        order = order_of(query)
        place = None if cursor is None else read_place(cursor, len(order))
        if not plans or query.count == 0:
            return [], None
        limit = query.count + 1
        if order == LAST_UPDATED and all(each.unfiltered for each in plans.values()):
            found = self._feed([each.rt for each in plans.values()], place, limit)
        elif order in (NEWEST_FIRST, OLDEST_FIRST) and _walkable(plans):
            [single] = plans.values()
            found = self._walk(single, order, place, limit)
        else:
            found = self._gather(query, plans, order, place, limit)
        more = len(found) == limit
        found = found[: query.count]
        # The keys come first in each row, the columns of the version behind them.
        hits = [row[len(order) :] for row in found]
        if not more:
            return hits, None
        snapshot = self._end() if place is None else place.snapshot
        last = [
            NO_DATE if order == OLDEST_FIRST and v is None else v for v in found[-1][: len(order)]
        ]
        return hits, Place(snapshot, last).encode()

    def total(self, query: tree.Query, plans: dict[str, Plan]) -> int:
        """How many hits there are, exactly."""
        return sum(self._count(each) for each in plans.values())

    def _count(self, one: Plan) -> int:
        if one.unfiltered:
            count = Sql("SELECT live FROM type WHERE rt = ?", (one.rt,))
        else:
            select = rids(one)
            count = Sql(f"SELECT count(*) FROM ({select.text}) x", select.bindings)
        [(number,)] = self._database.execute(count.text, count.bindings)
        return int(number)

    def _end(self) -> int:
        [(seq,)] = self._database.execute("SELECT coalesce(max(seq), 0) FROM ver")
        return int(seq)

    def _feed(self, types: Sequence[int], place: Place | None, limit: int) -> list[Row]:
        """All resources, last updated first."""
        before = TRUE if place is None else Sql("v.seq < ?", (place.after[0],))
        # `+ 0`: it is the feed that is walked, and not an index of types.
        where = both((Sql(f"v.rt + 0 IN {marks(types)} AND r.live = 1", tuple(types)), before))
        text = (
            f"SELECT v.seq, {COLUMNS} FROM ver v"
            " CROSS JOIN res r WHERE r.rid = v.rid AND r.seq = v.seq"
            f" AND {where.text} ORDER BY v.seq DESC LIMIT {limit}"
        )
        return self._database.execute(text, where.bindings).fetchall()

    def _walk(self, one: Plan, order: Order, place: Place | None, limit: int) -> list[Row]:
        """In date order, straight from the postings, which end where the page is full."""
        if order == NEWEST_FIRST:
            start = TRUE
            if place is not None:
                start = Sql("(a.d, a.rid) < (?, ?)", tuple(place.after))
            return self._steps(one, order, both((start, _unchanged(place))), limit)
        # Oldest first, and those without a date last.
        found: list[Row] = []
        if place is None or place.after[0] != NO_DATE:
            start = Sql("a.d > ?", (NO_DATE,))
            if place is not None:
                start = Sql("(a.d, a.rid) > (?, ?)", tuple(place.after))
            found = self._steps(one, order, both((start, _unchanged(place))), limit)
        if len(found) < limit:
            start = Sql("a.d = ?", (NO_DATE,))
            if place is not None and place.after[0] == NO_DATE:
                start = Sql("a.d = ? AND a.rid > ?", tuple(place.after))
            found += self._steps(one, order, both((start, _unchanged(place))), limit - len(found))
        return found

    def _steps(self, one: Plan, order: Order, where: Sql, limit: int) -> list[Row]:
        assert isinstance(one.source, Postings)
        direction = "DESC" if order == NEWEST_FIRST else "ASC"
        by = f"d {direction}, rid {direction}"
        parts: list[str] = []
        bindings: list[Any] = []
        for key in one.source.keys:
            held = both((one.source.of(key), where, one.probe))
            parts.append(
                f"SELECT * FROM (SELECT a.d AS d, a.rid AS rid FROM ix a WHERE {held.text}"
                f" ORDER BY a.d {direction}, a.rid {direction} LIMIT {limit}) p"
            )
            bindings += held.bindings
        merged = " UNION ".join(parts)
        if len(parts) > 1:
            merged = f"SELECT * FROM ({merged}) m ORDER BY {by} LIMIT {limit}"
        return self._load(merged, bindings, "x.d, x.rid", by)

    def _gather(
        self,
        query: tree.Query,
        plans: dict[str, Plan],
        order: Order,
        place: Place | None,
        limit: int,
    ) -> list[Row]:
        """All hits of all types, then sorted."""
        parts: list[str] = []
        bindings: list[Any] = []
        for type, each in plans.items():
            found = rows(each)
            named = columns(self._conditions, query, type)
            listed = "".join(f", {c.expression.text} AS s{at}" for at, c in enumerate(named))
            parts.append(
                f"SELECT DISTINCT {_date(order)} AS d, a.rid AS rid{listed} FROM"
                f" (SELECT a.d AS d, a.rid AS rid {found.text}) a"
                + "".join(column.join.text for column in named)
            )
            for column in named:
                bindings += column.expression.bindings
            bindings += found.bindings
            for column in named:
                bindings += column.join.bindings
        where = both(
            (
                TRUE if place is None else behind(order, _nulled(order, place)),
                _unchanged(place),
            )
        )
        merged = (
            f"SELECT * FROM ({' UNION ALL '.join(parts)}) a WHERE {where.text}"
            f" ORDER BY {clause(order)} LIMIT {limit}"
        )
        keys = ", ".join(f"x.{key.column}" for key in order)
        return self._load(merged, [*bindings, *where.bindings], keys, clause(order))

    def _load(self, select: str, bindings: Sequence[Any], keys: str, by: str) -> list[Row]:
        text = (
            f"SELECT {keys}, {COLUMNS} FROM ({select}) x CROSS JOIN res r CROSS JOIN ver v"
            f" WHERE r.rid = x.rid AND v.seq = r.seq ORDER BY {_of('x', by)}"
        )
        return self._database.execute(text, bindings).fetchall()


def _of(alias: str, by: str) -> str:
    return ", ".join(f"{alias}.{part.strip()}" for part in by.split(","))


def _date(order: Order) -> str:
    # A missing date is null where it has to come last though dates ascend.
    return f"nullif(a.d, {NO_DATE})" if order == OLDEST_FIRST else "a.d"


def _nulled(order: Order, place: Place) -> list[Any]:
    if order == OLDEST_FIRST and place.after[0] == NO_DATE:
        return [None, *place.after[1:]]
    return list(place.after)


def _walkable(plans: dict[str, Plan]) -> bool:
    [single] = plans.values()
    return isinstance(single.source, Postings) and len(single.source.keys) <= MERGED


def _unchanged(place: Place | None) -> Sql:
    if place is None:
        return TRUE
    return Sql("EXISTS (SELECT 1 FROM res WHERE rid = a.rid AND seq <= ?)", (place.snapshot,))
