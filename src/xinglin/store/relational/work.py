"""One unit of work on the record, in the connection of the one writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xinglin.fhir.resource import Resource
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.tree import Query
from xinglin.store.face import Method, Page, Reader, Version
from xinglin.store.relational.batch import Change, Indexed
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import pack_id, unpack_id
from xinglin.store.relational.ledger import Ledger, Mark, parsed
from xinglin.store.relational.replay import replay
from xinglin.store.relational.versions import METHODS, content_hash, encode

_CURRENT = """SELECT r.rid, r.seq, r.v, r.live, r.d, r.span, r.has, v.t, v.method, v.dict, v.body
              FROM res r LEFT JOIN ver v ON v.seq = r.seq WHERE r.rt = ? AND r.id = ?"""
_RANGE = """SELECT r.rid, r.rt, r.id, r.seq, r.v, v.dict, v.body
            FROM res r CROSS JOIN ver v
            WHERE v.seq = r.seq AND r.rid BETWEEN ? AND ? AND r.live = 1"""


class Work:
    """The Transaction of the face, at the commit number `t`."""

    def __init__(self, ledger: Ledger, t: int) -> None:
        self._ledger = ledger
        self._batch = ledger.batch
        self._run = ledger.database.execute
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
        more, v = 1, 1
        before: list[Indexed] = []
        if current is None:
            rid = self._ledger.numbering.new_resource(rt, id)
        else:
            rid, seq, v, live, _, _, _, t, written_by, dictionary, packed = current
            if live:
                text = self._ledger.reads.versions.stored(dictionary, packed)
                if text == stored:
                    method = METHODS[written_by]
                    meta, body = resource.meta, resource.body
                    return Version(resource.type, id, v, t, method, meta, body, seq), False
                more = 0
                before = self._ledger.there(resource.type, id, text)
            self._batch.superseded(rid, v, seq)
            v += 1
        seq = self._append(resource.type, id, rid, v, method, stored)
        after = (self._catalogue, self._ledger.extract(resource.value))
        self._batch.change(Change(rt, rid, seq, v, 1, before, after), more=more)
        meta, body = resource.meta, resource.body
        return Version(resource.type, id, v, self._t, method, meta, body, seq), True

    def delete(self, type: str, id: str) -> Version | None:
        rt = self._catalogue.type_number[type]
        current = self._current(rt, id)
        if current is None or not current[3]:
            return None
        rid, seq, v, _, *dated, _, _, dictionary, packed = current
        before = self._ledger.there(
            type, id, self._ledger.reads.versions.stored(dictionary, packed)
        )
        self._batch.superseded(rid, v, seq)
        v += 1
        seq = self._append(type, id, rid, v, "DELETE", None)
        change = Change(rt, rid, seq, v, 0, before, dated=(dated[0], dated[1], dated[2]))
        self._batch.change(change, more=-1)
        return Version(type, id, v, self._t, "DELETE", None, None, seq)

    def moment(self) -> int:
        following = self._t // 1000 + 1
        self._ledger.t = following * 1000  # whatever comes is later
        return following - 1

    def advance(self, consumer: str, seq: int) -> None:
        self._run(
            "INSERT INTO cursor (name, seq) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
            (consumer, seq),
        )

    def replay(self, versions: Sequence[Version]) -> None:
        """Write versions of another record as they are, with their numbers and times.

        Raises:
            Refused: they are not the next ones of this record.
        """
        replay(self._ledger, versions)

    @property
    def database(self) -> Database:
        """For the maintenance of the store."""
        return self._ledger.database

    def index_by(self, catalogue: Catalogue) -> None:
        """Index what is written from now on by these parameters."""
        self._ledger.index_by(catalogue)
        self._catalogue = catalogue

    def search_by(self, catalogue: Catalogue) -> None:
        """Let the searches of later works know these parameters."""
        self._ledger.search_by(catalogue)

    def index_again(self, first: int, last: int) -> None:
        """Bring the index rows of resources with first <= rid <= last to the present
        parameters from those that searches know."""
        known = self._ledger.reads.catalogue
        extract = Extractor(known.registry)
        for rid, rt, id, seq, v, dictionary, packed in self._run(_RANGE, (first, last)).fetchall():
            stored = self._ledger.reads.versions.stored(dictionary, packed)
            value = parsed(self._catalogue.type_name[rt], unpack_id(id), stored)
            before = [(known, extract(value))]
            after = (self._catalogue, self._ledger.extract(value))
            self._batch.index_again(Change(rt, rid, seq, v, 1, before, after))

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
        found = self._run(_CURRENT, (rt, pack_id(id))).fetchone()
        if found is None:
            return None
        self._ledger.numbering.remember(rt, id, found[0])
        return None if found[1] is None else found

    def _append(
        self, type: str, id: str, rid: int, v: int, method: Method, stored: bytes | None
    ) -> int:
        ledger = self._ledger
        ledger.seq += 1
        ledger.t = max(ledger.t, self._t)  # after `moment` it is ahead
        rt = self._catalogue.type_number[type]
        hash = content_hash(type, id, v, self._t, method, stored)
        row = [ledger.seq, self._t, rt, rid, v, METHODS.index(method), hash]
        self._batch.version(row, stored)
        if ledger.mark is None:
            ledger.mark = Mark(ledger.seq, hash)
        return ledger.seq
