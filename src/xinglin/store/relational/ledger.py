"""What the writer keeps from one work to the next: numbers, dictionaries, the feed's end.

The row of `lane` holds the counters of the record. Whoever has locked it is the one writer, of
however many processes.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from xinglin.fhir.resource import assemble, parse
from xinglin.fhir.search.extraction import Extractor
from xinglin.store.face import instant
from xinglin.store.relational.batch import Batch, Indexed
from xinglin.store.relational.bodies import Packer
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.numbering import Numbering
from xinglin.store.relational.reads import Reads
from xinglin.store.relational.versions import decode

LANE = "SELECT seq, t, rid, tid FROM lane"


class Mark(NamedTuple):
    """The first version that a group wrote."""

    seq: int
    hash: int


class Ledger:
    def __init__(self, database: Database, reads: Reads, catalogue: Catalogue) -> None:
        """`catalogue`: what is written is indexed by; it may be ahead of that of `reads`."""
        self.database = database
        self.reads = reads
        self.index_by(catalogue)
        self.seq: int
        self.t: int
        self.forget()

    def index_by(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.extract = Extractor(catalogue.registry)

    def search_by(self, catalogue: Catalogue) -> None:
        self.reads = Reads(self.database, catalogue)

    def reopen(self, database: Database) -> None:
        """Go on in another connection."""
        self.database = database
        self.reads = Reads(database, self.reads.catalogue)
        self.forget()

    def forget(self) -> None:
        """Start again from what the database holds."""
        self.reads.forget()
        self._packer = self._read_packer()
        self._trained = False  # a dictionary was made since `keep`
        self.numbering = Numbering(self.database)
        self.batch = Batch(self.database, self._packer, self.numbering)
        self.begin(*self.database.execute(LANE).fetchall()[0])

    def begin(self, seq: int, t: int, rid: int, tid: int) -> None:
        """The counters as they are before a group of works; `seq` and `t` are those of the
        newest version."""
        self.seq, self.t = seq, t
        self.numbering.begin(rid, tid)
        self._kept = (seq, t, rid, tid)  # after the last work that was kept
        self._stored = self._kept
        self.mark: Mark | None = None

    def holds(self, mark: Mark) -> bool:
        """Whether the record has this version: then it has all of that group."""
        found = self.database.execute("SELECT hash FROM ver WHERE seq = ?", (mark.seq,))
        return found.fetchone() == (mark.hash,)

    def there(self, type: str, id: str, stored: bytes) -> list[Indexed]:
        """What the index may hold of a resource: while parameters change, by either set."""
        value = parsed(type, id, stored)
        there = [(self.catalogue, self.extract(value))]
        known = self.reads.catalogue
        if known is not self.catalogue:
            there.append((known, Extractor(known.registry)(value)))
        return there

    def keep(self) -> None:
        """What was done so far stays."""
        self.batch.flush()
        self.numbering.keep()
        self._kept = (self.seq, self.t, self.numbering.rid, self.numbering.tid)
        self._trained = False

    def undo(self) -> None:
        """The database has rolled back what was done since `keep`."""
        self.reads.forget()
        if self._trained:
            self._packer = self._read_packer()
            self._trained = False
        self.seq, self.t, rid, tid = self._kept
        self.numbering.undo(rid, tid)
        self.batch = Batch(self.database, self._packer, self.numbering)
        if self.seq == self._stored[0]:
            self.mark = None

    def store(self) -> None:
        """Write the counters, at the end of a group."""
        if self._kept != self._stored:
            self.database.execute("UPDATE lane SET seq = ?, t = ?, rid = ?, tid = ?", self._kept)
            self._stored = self._kept

    def _read_packer(self) -> Packer:
        newest: dict[int, tuple[int, int, bytes]] = {}
        for rt, number, content in self.database.execute(
            "SELECT rt, dict, content FROM dict ORDER BY dict"
        ):
            count = newest[rt][0] if rt in newest else 0
            newest[rt] = (count + 1, number, bytes(content))
        return Packer(newest, self._dictionary)

    def _dictionary(self, rt: int, content: bytes) -> int:
        self._trained = True
        made = self.database.execute(
            "INSERT INTO dict (rt, content) VALUES (?, ?) RETURNING dict", (rt, content)
        )
        [(number,)] = made.fetchall()
        return int(number)


def parsed(type: str, id: str, stored: bytes) -> Struct:
    """A resource from its stored text. (Its version and time are not extracted.)"""
    meta, body = decode(stored)
    return parse(assemble(type, id, "1", instant(0), meta, body)).value
