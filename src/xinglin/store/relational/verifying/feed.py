"""The versions one after the other: nothing is missing between them, each says what was written,
and where it lies is noted with its resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from zstandard import ZstdError

from xinglin.store.relational.bodies import Unpacker
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import unpack_id
from xinglin.store.relational.verifying.findings import Finding, Kind, Tally
from xinglin.store.relational.versions import METHODS, content_hash, decode, unpacker

_VERSIONS = """
SELECT v.seq, v.t, v.rt, v.rid, v.v, v.method, v.hash, v.dict, v.body,
       r.rt, r.id, r.seq, r.v, r.live, p.seq
FROM ver v LEFT JOIN res r ON r.rid = v.rid LEFT JOIN past p ON p.rid = v.rid AND p.v = v.v
ORDER BY v.seq
"""
PORTION = 200  # versions: some have megabytes

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(unpacker: Unpacker, dictionary: int, packed: bytes) -> bytes | None:
    """The stored text of a version; None when it cannot be read."""
    try:
        return unpacker.unpack(dictionary, packed)
    except (ZstdError, msgspec.MsgspecError, ValueError, LookupError, MemoryError):
        return None


def _is_json(stored: bytes) -> bool:
    meta, body = decode(stored)
    try:
        _members.decode(body)
        if meta is not None:
            _members.decode(meta)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


class Feed:
    """Of one database, with the names of its types by their numbers."""

    def __init__(self, database: Database, types: dict[int, str], tally: Tally) -> None:
        self._database = database
        self._types = types
        self._tally = tally
        self._unpacker = unpacker(database)
        self.misplaced: set[tuple[int, int]] = set()  # versions: resource and number
        self.seq = 0  # of the last version
        self.t = 0

    def findings(self) -> Iterator[Finding]:
        for portion in self._database.portions(_VERSIONS, PORTION):
            for row in portion:
                self._tally.versions += 1
                yield from self._order(row[0], row[1])
                yield from self._version(row)
            self._tally.seen(self._tally)
        [(end,)] = self._database.execute("SELECT seq FROM lane").fetchall() or [(self.seq,)]
        if end > self.seq:
            yield Finding("gap", what={"first": self.seq + 1, "last": end})

    def _order(self, seq: int, t: int) -> Iterator[Finding]:
        if seq != self.seq + 1:
            yield Finding("gap", what={"first": self.seq + 1, "last": seq - 1})
        if t < self.t:
            yield Finding("time", what={"seq": seq})
        self.seq, self.t = seq, t

    def _version(self, row: tuple[Any, ...]) -> Iterator[Finding]:
        seq, _, rt, rid, v, _, _, _, packed, owner, id, *noted = row
        type = self._types.get(rt)
        if type is None or owner != rt:
            yield Finding("unowned", what={"seq": seq})
            return
        name = unpack_id(id)
        wrong = self._content(row, type, name)
        if wrong is not None:
            yield Finding(wrong, type, name, v, {"seq": seq})
        kind = _noted_wrongly(seq, v, packed is not None, *noted)
        if kind is not None:
            yield Finding(kind, type, name, v, {"seq": seq})
        if kind == "misplaced":
            self.misplaced.add((rid, v))

    def _content(self, row: tuple[Any, ...], type: str, id: str) -> Kind | None:
        _, t, _, _, v, method, hash, dictionary, packed, *_ = row
        stored = None if packed is None else read(self._unpacker, dictionary, packed)
        if stored is None and packed is not None:
            return "unreadable"
        known = 0 <= method < len(METHODS)
        if not known or hash != content_hash(type, id, v, t, METHODS[method], stored):
            return "altered"
        return None if stored is None or _is_json(stored) else "unreadable"


def _noted_wrongly(
    seq: int,
    v: int,
    live: bool,
    current: int | None,
    latest: int | None,
    noted_live: int | None,
    past: int | None,
) -> Kind | None:
    """Of a version: what is wrong in `res` and `past` about where it lies."""
    if latest is not None and v < latest:
        return None if past == seq and current != seq else "misplaced"
    if v != latest or current != seq or past is not None:
        return "misplaced"
    return None if noted_live == live else "live"
