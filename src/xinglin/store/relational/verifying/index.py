"""The index says of every resource what its versions say, and of nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from xinglin.store.relational.batch import Indexing, indexing
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.rows import COLUMNS
from xinglin.store.relational.verifying.findings import Finding, Tally
from xinglin.store.relational.verifying.numbers import Known
from xinglin.store.relational.verifying.resources import Resource, Resources
from xinglin.store.relational.verifying.sums import BASKETS, Sums

LISTED = 50_000  # resources that are looked at one by one at a time

# Tables with an index by resource, whose rows are read with their resources.
_OWN = {table: columns for table, columns in COLUMNS.items() if table != "ix"}
_COMP = ("c", "rid")


class Index:
    """Of one database."""

    def __init__(
        self,
        database: Database,
        catalogues: Sequence[Catalogue],
        types: dict[int, str],
        misplaced: Collection[tuple[int, int]],
        tally: Tally,
    ) -> None:
        """`misplaced`: versions that are there, but not where they are noted to be."""
        self._database = database
        self._resources = Resources(database, catalogues, types)
        self._numbers = Known(database)
        self._misplaced = misplaced
        self._tally = tally
        self._postings = Sums(database, "ix", COLUMNS["ix"])
        self._left = Sums(database, "comp", _COMP)
        self.live: Counter[int] = Counter()  # by type

    def findings(self) -> Iterator[Finding]:
        for first, last, resources in self._resources.portions():
            yield from self._portion(first, last, resources)
            self._tally.seen(self._tally)
        for sums in (self._postings, self._left):
            self._tally.rows += sums.take_away()
            yield from self._one_by_one(sums)

    def _portion(self, first: int, last: int, resources: list[Resource]) -> Iterator[Finding]:
        there = self._there(first, last)
        expected = self._expected(resources)
        for resource in resources:
            if resource.written:
                self._tally.resources += 1
                self.live[resource.rt] += resource.is_live
                yield from self._versions(resource)
            own = {table: found.pop(resource.rid, set()) for table, found in there.items()}
            brought = expected.get(resource.rid)
            if brought is not None:
                self._postings.expect(resource.rid, _wanted(brought, "ix"))
                if resource.whole:
                    self._left.expect(resource.rid, brought.left())
                yield from _dates(resource, brought)
                for table, rows in own.items():
                    yield from _rows(table, resource, _wanted(brought, table), rows)
        for table, found in there.items():
            for rid, rows in found.items():
                yield _nobodys(table, rid, rows)

    def _versions(self, resource: Resource) -> Iterator[Finding]:
        for v in resource.missing:
            if (resource.rid, v) not in self._misplaced:
                yield Finding("incomplete", resource.type, resource.id, v)

    def _there(self, first: int, last: int) -> dict[str, dict[int, set[Row]]]:
        """The rows of the tables that can be asked by resource."""
        there: dict[str, dict[int, set[Row]]] = {}
        for table, columns in _OWN.items():
            at = columns.index("rid")
            found: dict[int, set[Row]] = {}
            text = f"SELECT {', '.join(columns)} FROM {table} WHERE rid >= ? AND rid <= ?"
            for row in self._database.execute(text, (first, last)):
                found.setdefault(row[at], set()).add(row)
                self._tally.rows += 1
            there[table] = found
        return there

    def _expected(self, resources: Iterable[Resource]) -> dict[int, Indexing]:
        """What there shall be of those of which it is known."""
        self._numbers.forget()
        changes = [resource.change(after) for resource in resources for after in resource.after]
        brought: dict[int, list[Indexing]] = {}
        for each in indexing(changes, self._numbers):
            brought.setdefault(each.change.rid, []).append(each)
        return {rid: self._indexed_by(each) for rid, each in brought.items()}

    def _indexed_by(self, alternatives: list[Indexing]) -> Indexing:
        """While search parameters change, the one that the index holds already, or still."""
        if len(alternatives) == 1:
            return alternatives[0]
        return min(alternatives, key=self._distance)

    def _distance(self, each: Indexing) -> tuple[int, int]:
        """How many rows are not there, and then: the more are there the better."""
        absent = present = 0
        for table, columns in COLUMNS.items():
            rows = sorted(_wanted(each, table))
            found = self._database.lookup(table, columns, "rid", rows)
            absent += found.count(None)
            present += len(rows)
        return absent, -present

    def _one_by_one(self, sums: Sums) -> Iterator[Finding]:
        different = sums.different()
        size = max(1, BASKETS * LISTED // (self._tally.resources + 1))
        for start in range(0, len(different), size):
            baskets = frozenset(different[start : start + size])
            there = sums.rows_of(baskets)
            for rid in list(sums.numbers(baskets)):
                resource = self._resources.one(rid)
                rows = there.pop(rid, set())
                if resource is not None:
                    wanted = self._wanted(resource, sums)
                    if wanted is not None:
                        yield from _rows(sums.table, resource, wanted, rows)
            for rid, rows in there.items():
                yield _nobodys(sums.table, rid, rows)

    def _wanted(self, resource: Resource, sums: Sums) -> set[Row] | None:
        """What the table shall hold of the resource; None where that is not known."""
        brought = self._expected([resource]).get(resource.rid)
        if brought is None:
            return None
        if sums is self._left:
            return brought.left() if resource.whole else None
        return _wanted(brought, sums.table)


def _wanted(brought: Indexing, table: str) -> set[Row]:
    if brought.after is None:
        return set()
    return set(getattr(brought.after, table))


def _dates(resource: Resource, brought: Indexing) -> Iterator[Finding]:
    """Of a deleted one `has` is of no use, and that of the parameters of its time."""
    expected: tuple[Any, ...] = brought.dated()
    noted = resource.dated
    if brought.after is None:
        if not resource.whole:
            return
        expected, noted = expected[:2], noted[:2]
    if expected != noted:
        yield Finding("dates", resource.type, resource.id)


def _rows(table: str, resource: Resource, wanted: set[Row], there: set[Row]) -> Iterator[Finding]:
    name = (resource.type, resource.id, 0)
    if missing := len(wanted - there):
        yield Finding("missing", *name, {"table": table, "rows": missing})
    if surplus := len(there - wanted):
        yield Finding("surplus", *name, {"table": table, "rows": surplus})


def _nobodys(table: str, rid: int, rows: set[Row]) -> Finding:
    return Finding("stray", what={"table": table, "rows": len(rows), "rid": rid})
