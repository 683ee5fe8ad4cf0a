"""Everything that can be read, in one connection: of the writer, or of a thread that reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search import tree
from xinglin.store.face import HistoryPage, Page, Reader, Version
from xinglin.store.sqlite import history
from xinglin.store.sqlite.conditions import Conditions
from xinglin.store.sqlite.includes import Includes
from xinglin.store.sqlite.names import Catalogue, Names, pack_id, unpack_id
from xinglin.store.sqlite.pages import Pages
from xinglin.store.sqlite.past import Past
from xinglin.store.sqlite.versions import COLUMNS, Versions

# Written as two look-ups, which take half the time of a join of the same two.
_CURRENT = """SELECT v.seq, v.t, v.rt, ?2, v.v, v.method, v.dict, v.body FROM ver v
              WHERE v.seq = (SELECT seq FROM res WHERE rt = ?1 AND id = ?2)"""
_EVERYTHING = tree.Everything()


class Reads:
    def __init__(self, connection: apsw.Connection, catalogue: Catalogue) -> None:
        connection.create_scalar_function("id_text", _id_text, 1, deterministic=True)
        self._connection = self.connection = connection
        self.catalogue = catalogue
        self._commits = -1
        self.forget()

    def forget(self) -> None:
        """Look up everything again: numbers that were seen may have been rolled back, and given
        to something else."""
        self.names = Names(self._connection)
        self.versions = Versions(self._connection, self.catalogue)
        self._past = Past(self._connection, self.catalogue, self.names, self.versions)

    def refresh(self, commits: int) -> None:
        """See the record as it is after this many commits, and go on seeing that: a snapshot
        that lasts spares every read its locks."""
        if self._connection.in_transaction:
            if commits == self._commits:
                return
            self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")
        self._commits = commits

    def release(self) -> None:
        """Give up the snapshot, which would keep the log of the database from being emptied."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

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
        with self._one_state():
            found = self._version(type, id, version, at)
            if found is None or self._past.holds(rule, found, self._conditions(reader)):
                return found
        return None

    def _version(self, type: str, id: str, version: int | None, at: int | None) -> Version | None:
        rt = self.catalogue.type_number.get(type)
        if rt is None:
            return None
        if version is None and at is None:
            row = self._connection.execute(_CURRENT, (rt, pack_id(id))).fetchone()
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
            return history.one(self._connection, rid, version)
        assert at is not None
        return history.as_of(self._connection, rid, self._seq_at(at + 1))

    def search(self, reader: Reader, query: tree.Query, cursor: str | None = None) -> Page:
        with self._one_state():
            if query.at is not None:
                return self._past.compartment(query, self._conditions(reader), cursor)
            return self._search(reader, query, cursor)

    @contextmanager
    def _one_state(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever is written meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _search(self, reader: Reader, query: tree.Query, cursor: str | None) -> Page:
        conditions = self._conditions(reader)
        pages = Pages(self._connection, conditions)
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
            included = Includes(self._connection, conditions).of(hits, query.includes).values()
        load = self.versions.load
        return Page([load(row) for row in rows], [load(row) for row in included], total, following)

    def _rid(self, row: tuple[Any, ...]) -> int:
        select = "SELECT rid FROM res WHERE rt = ? AND id = ?"
        [(rid,)] = self._connection.execute(select, (row[2], row[3]))
        return int(rid)

    def _conditions(self, reader: Reader) -> Conditions:
        return Conditions(self.catalogue, self.names, reader, self._seq_at)

    def _seq_at(self, ms: int) -> int:
        return history.seq_at(self._connection, ms)

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
            self._connection,
            rt=rt,
            rid=rid,
            before=None if cursor is None else _place(cursor),
            since=None if since is None else self._seq_at(since),
            in_force=None if at is None else (self._seq_at(at[0]), self._seq_at(at[1] + 1)),
        )
        found: list[Version] = []
        more = False
        with self._one_state():
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

    def feed(self, after: int, limit: int) -> Sequence[Version]:
        text = (
            f"SELECT {COLUMNS} FROM ver v CROSS JOIN res r ON r.rid = v.rid"
            " WHERE v.seq > ? ORDER BY v.seq LIMIT ?"
        )
        return [self.versions.load(row) for row in self._connection.execute(text, (after, limit))]

    def cursor(self, consumer: str) -> int:
        text = "SELECT seq FROM cursor WHERE name = ?"
        row = self._connection.execute(text, (consumer,)).fetchone()
        return 0 if row is None else int(row[0])

    def end(self) -> int:
        [(seq,)] = self._connection.execute("SELECT coalesce(max(seq), 0) FROM ver")
        return int(seq)


def _id_text(*stored: Any) -> str:
    return unpack_id(stored[0])


def _place(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Refused(Issue("value", "store.cursor-unknown", at="_cursor"))
    return int(cursor)
