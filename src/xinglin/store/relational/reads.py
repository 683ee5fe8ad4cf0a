"""Everything that can be read, in one database: of the writer, or of a thread that reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search import tree
from xinglin.store.face import HistoryPage, Page, Reader, Version
from xinglin.store.relational import history
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.database import Database
from xinglin.store.relational.includes import Includes
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.names import Names
from xinglin.store.relational.pages import Pages
from xinglin.store.relational.past import Past
from xinglin.store.relational.versions import COLUMNS, Versions

# Written as two look-ups, which take half the time of a join of the same two.
_CURRENT = """SELECT v.seq, v.t, v.rt, v.v, v.method, v.dict, v.body FROM ver v
              WHERE v.seq = (SELECT seq FROM res WHERE rt = ? AND id = ?)"""
_EVERYTHING = tree.Everything()


class Reads:
    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = self.database = database
        self.catalogue = catalogue
        self.forget()

    def forget(self) -> None:
        """Look up everything again: numbers that were seen may have been rolled back, and given
        to something else."""
        self.names = Names(self._database)
        self.versions = Versions(self._database, self.catalogue)
        self._past = Past(self._database, self.catalogue, self.names, self.versions)

    def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        rule = reader.rule(type)
        if rule == _EVERYTHING:
            return self._version(type, id, version, at)
        with self._database.snapshot():
            found = self._version(type, id, version, at)
            if found is None or self._past.holds(rule, found, self._conditions(reader)):
                return found
        return None

    def _version(self, type: str, id: str, version: int | None, at: int | None) -> Version | None:
        rt = self.catalogue.type_number.get(type)
        if rt is None:
            return None
        if version is None and at is None:
            packed = pack_id(id)
            found = self._database.execute(_CURRENT, (rt, packed)).fetchone()
            row = None if found is None else (*found[:3], packed, *found[3:])
        else:
            row = self._earlier(rt, id, version, at)
        return None if row is None else self.versions.load(row)

    def _earlier(
        self, rt: int, id: str, version: int | None, at: int | None
    ) -> tuple[Any, ...] | None:
        rid = self.names.resource(rt, id)
        if rid is None:
            return None
        if version is not None:
            if version >> 62:
                return None  # larger than a number of the database
            return history.one(self._database, rid, version)
        assert at is not None
        return history.as_of(self._database, rid, self._seq_at(at + 1))

    def search(self, reader: Reader, query: tree.Query, cursor: str | None = None) -> Page:
        with self._database.snapshot():
            if query.at is not None:
                return self._past.compartment(query, self._conditions(reader), cursor)
            return self._search(reader, query, cursor)

    def _search(self, reader: Reader, query: tree.Query, cursor: str | None) -> Page:
        conditions = self._conditions(reader)
        pages = Pages(self._database, conditions)
        plans = pages.plans(query)
        rows, following = pages.page(query, plans, cursor)
        total = None
        if cursor is None and following is None and query.count > 0:
            total = len(rows)
        elif query.total != "none":
            total = pages.total(query, plans)
        included: Iterable[tuple[Any, ...]] = ()
        if query.includes and rows:
            hits = [self._rid(row) for row in rows]
            included = Includes(self._database, conditions).of(hits, query.includes).values()
        load = self.versions.load
        return Page([load(row) for row in rows], [load(row) for row in included], total, following)

    def _rid(self, row: tuple[Any, ...]) -> int:
        select = "SELECT rid FROM res WHERE rt = ? AND id = ?"
        [(rid,)] = self._database.execute(select, (row[2], row[3]))
        return int(rid)

    def _conditions(self, reader: Reader) -> Conditions:
        return Conditions(self.catalogue, self.names, reader, self._seq_at)

    def _seq_at(self, ms: int) -> int:
        return history.seq_at(self._database, ms)

    def history(
        self,
        reader: Reader,
        type: str | None,
        id: str | None,
        *,
        count: int,
        since: int | None,
        at: tuple[int, int] | None,
        cursor: str | None,
    ) -> HistoryPage:
        rt = rid = None
        if type is not None:
            rt = self.catalogue.type_number.get(type)
            rid = None if rt is None or id is None else self.names.resource(rt, id)
            if rt is None or (id is not None and rid is None):
                return HistoryPage((), 0, None)
        rows = history.versions(
            self._database,
            rt=rt,
            rid=rid,
            before=None if cursor is None else _place(cursor),
            since=None if since is None else self._seq_at(since),
            in_force=None if at is None else (self._seq_at(at[0]), self._seq_at(at[1] + 1)),
            step=count + 1,
        )
        found: list[Version] = []
        more = False
        with self._database.snapshot():
            for version in self._visible(reader, rows):
                if len(found) == count:
                    more = True
                    break
                found.append(version)
        following = str(found[-1].seq) if more and found else None
        total = len(found) if cursor is None and not more else None
        return HistoryPage(found, total, following)

    def _visible(self, reader: Reader, rows: Iterator[tuple[Any, ...]]) -> Iterator[Version]:
        conditions = self._conditions(reader)
        for row in rows:
            version = self.versions.load(row)
            rule = reader.rule(version.type)
            if rule == _EVERYTHING or self._past.holds(rule, version, conditions):
                yield version

    def which(
        self, reader: Reader, where: tree.Node, versions: Sequence[Version]
    ) -> Sequence[Version]:
        with self._database.snapshot():
            conditions = self._conditions(reader)
            return [
                version
                for version in versions
                if version.body is not None and self._past.holds(where, version, conditions)
            ]

    def feed(self, after: int, limit: int) -> Sequence[Version]:
        text = (
            f"SELECT {COLUMNS} FROM ver v CROSS JOIN res r"
            " WHERE r.rid = v.rid AND v.seq > ? ORDER BY v.seq LIMIT ?"
        )
        return [self.versions.load(row) for row in self._database.execute(text, (after, limit))]

    def cursor(self, consumer: str) -> int:
        text = "SELECT seq FROM cursor WHERE name = ?"
        row = self._database.execute(text, (consumer,)).fetchone()
        return 0 if row is None else int(row[0])

    def end(self) -> int:
        [(seq,)] = self._database.execute("SELECT coalesce(max(seq), 0) FROM ver")
        return int(seq)


def _place(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Refused(Issue("value", "store.cursor-unknown", at="_cursor"))
    return int(cursor)
