"""One unit of work on the record, in the connection of the one writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from xinglin.fhir.resource import Resource, assemble, parse
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.tree import Query
from xinglin.store.face import Method, Page, Reader, Version
from xinglin.store.sqlite.bodies import Packer
from xinglin.store.sqlite.indexing import IndexBatch
from xinglin.store.sqlite.names import Numbering, pack_id
from xinglin.store.sqlite.reads import Reads
from xinglin.store.sqlite.rows import Rows, index_rows
from xinglin.store.sqlite.versions import METHODS, decode, encode, instant

Extract = Callable[[Any], Entries]

_CURRENT = """SELECT r.rid, r.seq, r.v, r.live, v.t, v.method, v.dict, v.body
              FROM res r JOIN ver v ON v.seq = r.seq WHERE r.rt = ? AND r.id = ?"""
_VERSION = """INSERT INTO ver (seq, t, rt, rid, v, method, dict, body)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class Ledger:
    """What the writer keeps from one work to the next: numbers, dictionaries, the feed's end."""

    def __init__(self, connection: apsw.Connection, reads: Reads, extract: Extract) -> None:
        self.connection = connection
        self.reads = reads
        self.extract = extract
        self.seq: int
        self.t: int
        self.index = IndexBatch(connection)
        self.forget()

    def forget(self) -> None:
        """Start again from what the database holds."""
        self._read_packer()
        self.numbering = Numbering(self.connection)
        self.index = IndexBatch(self.connection)
        end = self.connection.execute("SELECT seq, t FROM ver ORDER BY seq DESC LIMIT 1")
        self.seq, self.t = end.fetchone() or (0, 0)
        self._mark = self.seq, False  # the end at the last work; a dictionary was made since

    def _read_packer(self) -> None:
        newest = self.connection.execute("SELECT rt, max(dict), content FROM dict GROUP BY rt")
        self.packer = Packer({rt: (number, content) for rt, number, content in newest})

    def keep(self) -> None:
        """A work is done."""
        self.index.flush()
        self.numbering.keep()
        self._mark = self.seq, False

    def undo(self) -> None:
        """A work failed, and the database has rolled it back."""
        self.seq, trained = self._mark[0], self._mark[1]
        self.index = IndexBatch(self.connection)
        self.numbering.undo()
        if trained:
            self._read_packer()

    def keep_dictionary(self, rt: int, content: bytes) -> int:
        self._mark = self._mark[0], True
        self.connection.execute("INSERT INTO dict (rt, content) VALUES (?, ?)", (rt, content))
        return self.connection.last_insert_rowid()


class Work:
    """The Transaction of the face, at the commit number `t`."""

    def __init__(self, ledger: Ledger, t: int) -> None:
        self._ledger = ledger
        self._run = ledger.connection.execute
        self._catalogue = ledger.reads.catalogue
        self._t = t

    def read(self, reader: Reader, type: str, id: str) -> Version | None:
        return self._ledger.reads.read(reader, type, id)

    def search(self, reader: Reader, query: Query) -> Page:
        self._ledger.index.flush()
        return self._ledger.reads.search(reader, query)

    def put(self, resource: Resource, id: str, method: Method) -> tuple[Version, bool]:
        ledger = self._ledger
        rt = self._catalogue.type_number[resource.type]
        stored = encode(resource.meta, resource.body)
        current = None if method == "POST" else self._current(rt, id)
        if current is None:
            rid, v = ledger.numbering.resource(rt, id, fresh=method == "POST"), 1
            rows = self._rows(resource.value, rt, rid)
            ledger.index.count(rt, +1)
            ledger.index.add(rows)
        else:
            rid, seq, v, live, t, written_by, dictionary, packed = current
            before = ledger.reads.versions.stored(dictionary, packed) if live else None
            if before == stored:
                return self._show(resource.type, id, v, t, METHODS[written_by], stored, seq), False
            rows = self._rows(resource.value, rt, rid)
            if before is None:
                ledger.index.count(rt, +1)
                ledger.index.add(rows)
            else:
                ledger.index.replace(self._rows_of(resource.type, id, rt, rid, before), rows)
            self._run("INSERT INTO past (rid, v, seq) VALUES (?, ?, ?)", (rid, v, seq))
            v += 1
        seq = self._append(rt, rid, v, method, stored)
        self._run(
            "UPDATE res SET seq = ?, v = ?, live = 1, d = ?, has = ? WHERE rid = ?",
            (seq, v, rows.d, rows.has, rid),
        )
        return self._show(resource.type, id, v, self._t, method, stored, seq), True

    def delete(self, type: str, id: str) -> Version | None:
        ledger = self._ledger
        rt = self._catalogue.type_number[type]
        current = self._current(rt, id)
        if current is None or not current[3]:
            return None
        rid, seq, v, _, _, _, dictionary, packed = current
        before = ledger.reads.versions.stored(dictionary, packed)
        ledger.index.replace(self._rows_of(type, id, rt, rid, before), None)
        ledger.index.count(rt, -1)
        self._run("INSERT INTO past (rid, v, seq) VALUES (?, ?, ?)", (rid, v, seq))
        seq = self._append(rt, rid, v + 1, "DELETE", None)
        self._run("UPDATE res SET seq = ?, v = ?, live = 0 WHERE rid = ?", (seq, v + 1, rid))
        return Version(type, id, v + 1, self._t, "DELETE", None, seq)

    def advance(self, consumer: str, seq: int) -> None:
        self._run("INSERT OR REPLACE INTO cursor (name, seq) VALUES (?, ?)", (consumer, seq))

    def _current(self, rt: int, id: str) -> tuple[Any, ...] | None:
        # A row of `res` is written at once; only index rows wait.
        return self._run(_CURRENT, (rt, pack_id(id))).fetchone()

    def _append(self, rt: int, rid: int, v: int, method: Method, stored: bytes | None) -> int:
        ledger = self._ledger
        dictionary, packed = 0, None
        if stored is not None:
            dictionary, packed = ledger.packer.pack(rt, stored, ledger.keep_dictionary)
        ledger.seq += 1
        row = (ledger.seq, self._t, rt, rid, v, METHODS.index(method), dictionary, packed)
        self._run(_VERSION, row)
        return int(ledger.seq)

    def _rows(self, value: object, rt: int, rid: int) -> Rows:
        ledger = self._ledger
        entries = ledger.extract(value)
        rows = index_rows(entries, self._catalogue, ledger.numbering, rt, rid)
        if rt == self._catalogue.patient:
            ledger.index.join(rid, rid)
        members = self._catalogue.patient_members[rt]
        for _, p, target in rows.link:
            if p in members:
                ledger.index.join(target, rid)
        return rows

    def _rows_of(self, type: str, id: str, rt: int, rid: int, stored: bytes) -> Rows:
        meta, body = decode(stored)
        resource = parse(assemble(type, id, "1", instant(self._t), meta, body))
        return self._rows(resource.value, rt, rid)

    def _show(
        self, type: str, id: str, v: int, t: int, method: Method, stored: bytes, seq: int
    ) -> Version:
        meta, body = decode(stored)
        content = assemble(type, id, str(v), instant(t), meta, body)
        return Version(type, id, v, t, method, content, seq)
