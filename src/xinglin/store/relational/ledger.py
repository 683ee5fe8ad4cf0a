"""What the writer keeps from one work to the next: numbers, dictionaries, the feed's end.

The row of `lane` holds the counters of the record. Whoever has locked it is the one writer, of
however many processes.
"""

from __future__ import annotations

from typing import NamedTuple

from xinglin.fhir.search.extraction import Extractor
from xinglin.store.relational.batch import Batch
from xinglin.store.relational.bodies import Packer
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.numbering import Numbering
from xinglin.store.relational.reads import Reads

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
        """The counters as they are before a group of works."""
        self.seq, self.t = seq, t
        self.numbering.begin(rid, tid)
        self._kept = (seq, rid, tid)  # after the last work that was kept
        self._stored = (seq, rid, tid)
        self.mark: Mark | None = None

    def holds(self, mark: Mark) -> bool:
        """Whether the record has this version: then it has all of that group."""
        found = self.database.execute("SELECT hash FROM ver WHERE seq = ?", (mark.seq,))
        return found.fetchone() == (mark.hash,)

    def keep(self) -> None:
        """What was done so far stays."""
        self.batch.flush()
        self.numbering.keep()
        self._kept = (self.seq, self.numbering.rid, self.numbering.tid)
        self._trained = False

    def undo(self) -> None:
        """The database has rolled back what was done since `keep`."""
        self.reads.forget()
        if self._trained:
            self._packer = self._read_packer()
            self._trained = False
        self.seq, rid, tid = self._kept
        self.numbering.undo(rid, tid)
        self.batch = Batch(self.database, self._packer, self.numbering)
        if self.seq == self._stored[0]:
            self.mark = None

    def store(self, t: int) -> None:
        """Write the counters, at the end of a group whose commit number is `t`."""
        if self._kept != self._stored:
            self.database.execute(
                "UPDATE lane SET seq = ?, t = ?, rid = ?, tid = ?",
                (self._kept[0], t, *self._kept[1:]),
            )
            self._stored = self._kept
            self.t = t

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
