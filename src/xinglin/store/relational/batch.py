"""What a unit of work writes, on its way to the tables.

Changes wait in memory and go to the tables together and in key order: sorted insertion touches
each page of a B-tree once, and numbers are asked for once for all of them. Who reads what was
written flushes first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from xinglin.fhir.search.entries import Entries
from xinglin.store.relational.bodies import NONE, Packer
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.numbering import Numbering
from xinglin.store.relational.rows import COLUMNS, Numbers, Rows, index_rows

_RESOURCE = ("rid", "rt", "id", "seq", "v", "live", "d", "span", "has")
_STATE = _RESOURCE[3:]
_VERSION = ("seq", "t", "rt", "rid", "v", "method", "hash", "dict", "body")

Indexed = tuple[Catalogue, Entries]  # values, and the parameters by which they were extracted


@dataclass(slots=True, eq=False)
class Change:
    """What becomes of one resource: its state (see `res`), and its rows in the index."""

    rt: int
    rid: int
    seq: int
    v: int
    live: int
    before: Sequence[Indexed] = ()  # the rows that are there
    after: Indexed | None = None  # the rows that shall be there
    dated: tuple[int, int | None, int] | None = None  # d, span and has of a deleted one
    # Versions that came and went since the rows that are there, None for a deletion: they leave
    # no rows but that of the compartments they were in, and the dates of a deleted one.
    passing: Sequence[Indexed | None] = ()


@dataclass(slots=True, eq=False)
class Indexing:
    """A change with the rows that it takes away, and those that it brings."""

    change: Change
    before: Rows
    passing: Sequence[Rows | None]
    after: Rows | None

    def dated(self) -> tuple[int, int | None, int]:
        """d, span and has of `res`: a resource that is not live keeps its last ones."""
        for rows in (self.after, *reversed(self.passing)):
            if rows is not None:
                return rows.d, rows.span, rows.has
        assert self.change.dated is not None
        return self.change.dated

    def left(self) -> set[Row]:
        """The compartments of patients (c, rid) that the resource was in, and left."""
        change = self.change
        indexed = next(filter(None, (*change.before, *change.passing)), None)
        if indexed is None:
            return set()
        members = indexed[0].patient_members[change.rt]
        left: set[int] = set()
        then: set[int] = set()
        for rows in (self.before, *self.passing, self.after):
            found = () if rows is None else rows.link
            now = {target for _, p, target in found if p in members}
            left |= then - now
            then = now
        return {(c, change.rid) for c in left}


class Batch:
    """Of the one writer."""

    def __init__(self, database: Database, packer: Packer, numbering: Numbering) -> None:
        self._database = database
        self._packer = packer
        self._numbering = numbering
        self._changes: dict[int, Change] = {}  # by rid
        self._versions: list[list[Any]] = []  # the columns of `_VERSION`
        self._bodies: dict[int, list[tuple[list[Any], bytes]]] = defaultdict(list)
        self._past: list[Row] = []
        self._live: Counter[int] = Counter()
        self._again = False  # rows may be in the index already

    def written(self, rid: int) -> bool:
        """Whether a change of the resource waits here."""
        return rid in self._changes

    def version(self, row: list[Any], stored: bytes | None) -> None:
        """A new version: columns of `ver` but for dictionary and body."""
        row += (NONE, None)
        self._versions.append(row)
        if stored is not None:
            self._bodies[row[2]].append((row, stored))

    def superseded(self, rid: int, v: int, seq: int) -> None:
        self._past.append((rid, v, seq))

    def change(self, change: Change, *, more: int) -> None:
        """`more`: of how many live resources of the type there are from now on."""
        self._changes[change.rid] = change
        if more:
            self._live[change.rt] += more

    def index_again(self, change: Change) -> None:
        """Only the index changes, and some of it may be there already."""
        self._changes[change.rid] = change
        self._again = True

    def flush(self) -> None:
        if not (self._changes or self._numbering.named):
            return
        index = indexing(self._changes.values(), self._numbering)
        with self._database.together():
            self._write(index)
        self._live.clear()
        self._changes.clear()
        self._again = False

    def _write(self, index: list[Indexing]) -> None:
        self._write_resources(index)
        self._write_index(index)
        if self._versions:
            self._pack()  # while a database elsewhere takes in what was sent to it last
            self._database.insert(
                "ver", _VERSION, [tuple(row) for row in self._versions], fresh=True
            )
            self._versions.clear()
        if self._past:
            self._database.insert("past", ("rid", "v", "seq"), self._past, fresh=True)
            self._past.clear()
        self._count()

    def _write_resources(self, index: list[Indexing]) -> None:
        states = {}
        for each in index:
            change = each.change
            states[change.rid] = (change.seq, change.v, change.live, *each.dated())
        if self._numbering.named:
            nothing = (None,) * len(_STATE)
            rows = [(*name, *states.pop(name[0], nothing)) for name in self._numbering.named]
            self._database.insert("res", _RESOURCE, rows, fresh=True)
            self._numbering.named.clear()
        if states:
            rows = [(rid, *state) for rid, state in states.items()]
            self._database.update("res", "rid", _STATE, rows)

    def _write_index(self, index: list[Indexing]) -> None:
        for table, columns in reversed(COLUMNS.items()):  # the largest last
            gone: set[Row] = set()
            fresh: set[Row] = set()
            for each in index:
                new = () if each.after is None else getattr(each.after, table)
                if not each.change.before:
                    fresh.update(new)
                    continue
                there = set(getattr(each.before, table))
                wanted = set(new)
                gone |= there - wanted
                fresh |= wanted - there
            if gone:
                self._database.delete(table, columns, sorted(gone))
            if fresh:
                self._database.insert(table, columns, sorted(fresh), fresh=not self._again)
        left = [row for each in index for row in each.left()]
        if left:
            self._database.insert("comp", ("c", "rid"), sorted(left))

    def _count(self) -> None:
        """All types in one statement."""
        if not self._live:
            return
        each = "SELECT CAST(? AS BIGINT) AS rt, CAST(? AS BIGINT) AS more"
        changes = " UNION ALL ".join([each] * len(self._live))
        self._database.execute(
            f"UPDATE type SET live = live + c.more FROM ({changes}) c WHERE c.rt = type.rt",
            [number for change in self._live.items() for number in change],
        )

    def _pack(self) -> None:
        for rt, waiting in self._bodies.items():
            number, packed = self._packer.pack(rt, [stored for _, stored in waiting])
            for (row, _), body in zip(waiting, packed, strict=True):
                row[-2:] = number, body
        self._bodies.clear()


def indexing(changes: Iterable[Change], numbers: Numbers) -> list[Indexing]:
    """Each change with its rows; all numbers that are missing are asked for together."""
    made: list[Indexing] = []
    unsure: list[int] = []  # places in `made` where a number was missing
    for change in changes:
        missing = numbers.missing
        made.append(_indexing(change, numbers))
        if numbers.missing != missing:
            unsure.append(len(made) - 1)
    if unsure:
        numbers.resolve()
        for place in unsure:
            made[place] = _indexing(made[place].change, numbers)
        assert not numbers.missing, "what was asked for has a number now"
    return made


def _indexing(change: Change, numbers: Numbers) -> Indexing:
    def rows(indexed: Indexed) -> Rows:
        catalogue, entries = indexed
        return index_rows(entries, catalogue, numbers, change.rt, change.rid)

    before = Rows(0)
    for each in change.before:
        before.extend(rows(each))
    passing = [each and rows(each) for each in change.passing]
    return Indexing(change, before, passing, change.after and rows(change.after))
