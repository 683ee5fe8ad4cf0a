"""One unit of work on the record, in the connection of the one writer."""

from __future__ import annotations

from typing import Any

import apsw
from msgspec import Struct

from xinglin.fhir.resource import Resource, assemble, parse
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.tree import Query
from xinglin.store.face import Method, Page, Reader, Version, instant
from xinglin.store.sqlite.batch import Batch
from xinglin.store.sqlite.bodies import Packer
from xinglin.store.sqlite.names import Catalogue, Numbering, pack_id, unpack_id
from xinglin.store.sqlite.reads import Reads
from xinglin.store.sqlite.rows import Rows, index_rows
from xinglin.store.sqlite.versions import METHODS, decode, encode

_STATE = "SELECT rid, seq, v, live, d, span, has FROM res WHERE rt = ? AND id = ?"
_TEXT = "SELECT t, method, dict, body FROM ver WHERE seq = ?"
_RANGE = """SELECT r.rid, r.rt, r.id, r.seq, r.v, v.dict, v.body
            FROM res r CROSS JOIN ver v ON v.seq = r.seq
            WHERE r.rid BETWEEN ? AND ? AND r.live = 1"""


class Ledger:
    """What the writer keeps from one work to the next: numbers, dictionaries, the feed's end."""

    def __init__(self, connection: apsw.Connection, reads: Reads, catalogue: Catalogue) -> None:
        """`catalogue`: what is written is indexed by; it may be ahead of that of `reads`."""
        self.connection = connection
        self.reads = reads
        self.index_by(catalogue)
        self.log_pages = 0  # in the write-ahead log after the last commit
        connection.set_wal_hook(self._logged)
        self.seq: int
        self.t: int
        self.forget()

    def index_by(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.extract = Extractor(catalogue.registry)

    def _logged(self, _: apsw.Connection, __: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK

    def forget(self) -> None:
        """Start again from what the database holds."""
        self.reads.forget()
        self._packer = self._read_packer()
        self.batch = Batch(self.connection, self._packer)
        self.numbering = Numbering(self.connection, self.batch.name)
        end = self.connection.execute("SELECT seq, t FROM ver ORDER BY seq DESC LIMIT 1")
        self.seq, self.t = end.fetchone() or (0, 0)
        self._seq = self.seq  # the end of the feed after the last work that was kept
        self._trained = False  # a dictionary was made since

    def keep(self) -> None:
        """What was done so far stays."""
        self.batch.flush()
        self.numbering.keep()
        self._seq = self.seq
        self._trained = False

    def undo(self) -> None:
        """The database has rolled back what was done since `keep`."""
        self.reads.forget()
        if self._trained:
            self._packer = self._read_packer()
            self._trained = False
        self.batch = Batch(self.connection, self._packer)
        self.numbering.undo(self.batch.name)
        self.seq = self._seq

    def _read_packer(self) -> Packer:
        newest = self.connection.execute(
            "SELECT rt, count(*), max(dict), content FROM dict GROUP BY rt"
        )
        return Packer({rt: (n, number, raw) for rt, n, number, raw in newest}, self._dictionary)

    def _dictionary(self, rt: int, content: bytes) -> int:
        self._trained = True
        self.connection.execute("INSERT INTO dict (rt, content) VALUES (?, ?)", (rt, content))
        return self.connection.last_insert_rowid()


class Work:
    """The Transaction of the face, at the commit number `t`."""

    def __init__(self, ledger: Ledger, t: int) -> None:
        self._ledger = ledger
        self._batch = ledger.batch
        self._run = ledger.connection.execute
        self._catalogue = ledger.catalogue
        self._t = t

    def read(self, reader: Reader, type: str, id: str) -> Version | None:
        self._batch.flush()
        return self._ledger.reads.read(reader, type, id)

    def search(self, reader: Reader, query: Query) -> Page:
        self._batch.flush()
        return self._ledger.reads.search(reader, query)

    def put(self, resource: Resource, id: str, method: Method) -> tuple[Version, bool]:
        rt = self._catalogue.type_number[resource.type]
        stored = encode(resource.meta, resource.body)
        current = None
        if method == "POST":
            self._require_new(rt, id)
        else:
            current = self._current(rt, id)
        change, v = 1, 1
        if current is None:
            rid = self._ledger.numbering.resource(rt, id, fresh=True)
            rows = self._rows(resource.value, rt, rid)
            self._batch.add(rows)
        else:
            rid, seq, v, live, _, _, _, t, written_by, dictionary, packed = current
            before = self._ledger.reads.versions.stored(dictionary, packed) if live else None
            if before == stored:
                method = METHODS[written_by]
                same = Version(resource.type, id, v, t, method, resource.meta, resource.body, seq)
                return same, False
            rows = self._rows(resource.value, rt, rid)
            if before is None:
                self._batch.add(rows)
            else:
                change = 0
                self._replace(rt, rid, self._rows_of(resource.type, id, rt, rid, before), rows)
            self._batch.superseded(rid, v, seq)
            v += 1
        seq = self._append(rt, rid, v, method, stored)
        self._batch.current(rid, rt, (seq, v, 1, rows.d, rows.span, rows.has), change=change)
        meta, body = resource.meta, resource.body
        return Version(resource.type, id, v, self._t, method, meta, body, seq), True

    def delete(self, type: str, id: str) -> Version | None:
        rt = self._catalogue.type_number[type]
        current = self._current(rt, id)
        if current is None or not current[3]:
            return None
        rid, seq, v, _, d, span, has, _, _, dictionary, packed = current
        before = self._ledger.reads.versions.stored(dictionary, packed)
        self._replace(rt, rid, self._rows_of(type, id, rt, rid, before), None)
        self._batch.superseded(rid, v, seq)
        seq = self._append(rt, rid, v + 1, "DELETE", None)
        self._batch.current(rid, rt, (seq, v + 1, 0, d, span, has), change=-1)
        return Version(type, id, v + 1, self._t, "DELETE", None, None, seq)

    def advance(self, consumer: str, seq: int) -> None:
        self._run("INSERT OR REPLACE INTO cursor (name, seq) VALUES (?, ?)", (consumer, seq))

    @property
    def connection(self) -> apsw.Connection:
        """For the maintenance of the store."""
        return self._ledger.connection

    def index_by(self, catalogue: Catalogue) -> None:
        """Index what is written from now on by these parameters."""
        self._ledger.index_by(catalogue)
        self._catalogue = catalogue

    def search_by(self, catalogue: Catalogue) -> None:
        """Let the searches of later works know these parameters."""
        self._ledger.reads = Reads(self.connection, catalogue)

    def index_again(self, first: int, last: int) -> None:
        """Bring the index rows of resources with first <= rid <= last to the present
        parameters from those that searches know."""
        known = self._ledger.reads.catalogue
        extract = Extractor(known.registry)
        found: list[tuple[Any, ...]] = self._run(_RANGE, (first, last)).fetchall()
        for rid, rt, id, seq, v, dictionary, packed in found:
            stored = self._ledger.reads.versions.stored(dictionary, packed)
            value = self._parsed(self._catalogue.type_name[rt], unpack_id(id), stored)
            before = index_rows(extract(value), known, self._ledger.numbering, rt, rid)
            rows = self._rows(value, rt, rid)
            self._batch.replace(before, rows)
            self._batch.current(rid, rt, (seq, v, 1, rows.d, rows.span, rows.has), change=0)

    def _require_new(self, rt: int, id: str) -> None:
        """An id that was just made is new: only one that was met before has to be looked up,
        and of all others the table sees to it."""
        if self._ledger.numbering.known(rt, id) is not None and self._current(rt, id) is not None:
            raise ValueError(f"{self._catalogue.type_name[rt]}/{id} is not new")

    def _current(self, rt: int, id: str) -> tuple[Any, ...] | None:
        """The state and text of a resource; None when it never had a version."""
        rid = self._ledger.numbering.known(rt, id)
        if rid is not None and self._batch.written(rid):
            self._batch.flush()
        state = self._run(_STATE, (rt, pack_id(id))).fetchone()
        if state is None:
            return None
        self._ledger.numbering.remember(rt, id, state[0])
        if state[1] is None:
            return None
        text = self._run(_TEXT, (state[1],)).fetchone()
        assert text is not None, "every resource's current version is there"
        return (*state, *text)

    def _append(self, rt: int, rid: int, v: int, method: Method, stored: bytes | None) -> int:
        ledger = self._ledger
        ledger.seq += 1
        self._batch.version([ledger.seq, self._t, rt, rid, v, METHODS.index(method)], stored)
        return ledger.seq

    def _rows(self, value: Struct, rt: int, rid: int) -> Rows:
        ledger = self._ledger
        entries = ledger.extract(value)
        return index_rows(entries, self._catalogue, ledger.numbering, rt, rid)

    def _replace(self, rt: int, rid: int, before: Rows, after: Rows | None) -> None:
        self._batch.replace(before, after)
        members = self._catalogue.patient_members[rt]
        kept = set() if after is None else {target for _, p, target in after.link if p in members}
        for _, p, target in before.link:
            if p in members and target not in kept:
                self._batch.leave(target, rid)

    def _rows_of(self, type: str, id: str, rt: int, rid: int, stored: bytes) -> Rows:
        """What the tables may hold of a resource: while parameters change, by either set."""
        value = self._parsed(type, id, stored)
        rows = self._rows(value, rt, rid)
        known = self._ledger.reads.catalogue
        if known is not self._catalogue:
            found = Extractor(known.registry)(value)
            rows.extend(index_rows(found, known, self._ledger.numbering, rt, rid))
        return rows

    def _parsed(self, type: str, id: str, stored: bytes) -> Struct:
        meta, body = decode(stored)
        return parse(assemble(type, id, "1", instant(self._t), meta, body)).value
