"""One side of a move: its feed in portions of bounded size, every version read from its own text
and held against the hash that was written with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zstandard import ZstdError

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.face import Version
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.keys import unpack_id
from xinglin.store.relational.versions import METHODS, content_hash, decode, unpacker

PORTION = 1000  # versions that are read together
PORTION_BYTES = 16 << 20  # of their compressed bodies; one alone may be larger

_SIZES = """SELECT coalesce(length(body), 0) FROM ver WHERE seq > ? AND seq <= ?
            ORDER BY seq LIMIT ?"""
_FEED = """SELECT v.seq, v.t, v.rt, r.id, v.v, v.method, v.hash, v.dict, v.body
           FROM ver v CROSS JOIN res r WHERE r.rid = v.rid AND v.seq > ? ORDER BY v.seq LIMIT ?"""
_HASHES = "SELECT seq, hash FROM ver WHERE seq > ? AND seq <= ? ORDER BY seq"


class Side:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._unpacker = unpacker(database)
        self._type: dict[int, str] = dict(database.execute("SELECT rt, name FROM type"))

    def portion(self, after: int, until: int) -> Sequence[Version]:
        """The next ones, to be written elsewhere.

        Raises: Refused, where one was altered on its disk.
        """
        return [self._version(row) for row in self._rows(after, until)]

    def kept(self, after: int, until: int) -> dict[int, int]:
        """By their places in the feed, the hashes that were written with the versions."""
        return dict(self._database.execute(_HASHES, (after, until)))

    def proved(self, after: int, until: int) -> dict[int, int]:
        """The same, without those whose text is not what was written."""
        return dict(self._proved(after, until))

    def _proved(self, after: int, until: int) -> Iterator[tuple[int, int]]:
        while rows := self._rows(after, until):
            after = rows[-1][0]
            yield from ((row[0], row[6]) for row in rows if self._is_whole(row, self._stored(row)))

    def _rows(self, after: int, until: int) -> list[Row]:
        sizes = self._database.execute(_SIZES, (after, until, PORTION)).fetchall()
        fitting = total = 0
        for (size,) in sizes:
            total += size
            if fitting and total > PORTION_BYTES:
                break
            fitting += 1
        return self._database.execute(_FEED, (after, fitting)).fetchall() if fitting else []

    def _version(self, row: Row) -> Version:
        seq, t, rt, id, number, how, *_ = row
        stored, type = self._stored(row), self._type[rt]
        if not self._is_whole(row, stored):
            given: dict[str, str | int] = {"version": f"{type}/{unpack_id(id)}/_history/{number}"}
            raise Refused(Issue("exception", "store.version-altered", given=given))
        meta, body = (None, None) if stored is None else decode(stored)
        return Version(type, unpack_id(id), number, t, METHODS[how], meta, body, seq)

    def _stored(self, row: Row) -> bytes | None:
        """The text; empty where it cannot be read, as none ever is."""
        *_, dictionary, packed = row
        try:
            return None if packed is None else self._unpacker.unpack(dictionary, packed)
        except (ZstdError, ValueError):
            return b""

    def _is_whole(self, row: Row, stored: bytes | None) -> bool:
        _, t, rt, id, number, how, hash, *_ = row
        found = content_hash(self._type[rt], unpack_id(id), number, t, METHODS[how], stored)
        return bool(found == hash)
