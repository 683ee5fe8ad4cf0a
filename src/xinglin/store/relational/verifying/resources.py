"""The resources with all their versions, and what the tables shall hold of them.

What a resource shall have in the index is what a writer would bring that wrote all its versions
at once; see `batch.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from xinglin.fhir.outcome import Refused
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.extraction import Extractor
from xinglin.store.relational.batch import Change, Indexed
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import unpack_id
from xinglin.store.relational.ledger import parsed
from xinglin.store.relational.verifying.feed import read
from xinglin.store.relational.versions import unpacker

PORTION = 300  # resources
HISTORY = 200  # versions of them
MISSING = 1000  # versions in a row that are named: a damaged number may be anything
LAST = 1 << 62  # above every number of a resource

_RESOURCES = """
SELECT r.rid, r.rt, r.id, r.seq, r.v, r.live, r.d, r.span, r.has, v.seq, v.dict, v.body
FROM res r LEFT JOIN ver v ON v.seq = r.seq AND v.rid = r.rid AND v.v = r.v
WHERE r.rid > ? AND r.rid <= ? ORDER BY r.rid LIMIT ?
"""
_PAST = """
SELECT p.rid, p.v, v.seq, v.dict, v.body
FROM past p LEFT JOIN ver v ON v.seq = p.seq AND v.rid = p.rid AND v.v = p.v
WHERE (p.rid, p.v) > (?, ?) AND p.rid <= ? ORDER BY p.rid, p.v LIMIT ?
"""


@dataclass(slots=True, eq=False)
class Resource:
    """One row of `res`, and what its versions say."""

    rid: int
    rt: int
    type: str
    id: str
    seq: int | None
    v: int
    live: int
    dated: tuple[Any, ...]  # d, span and has
    missing: list[int] = field(default_factory=list)  # versions that are not there
    readable: bool = True  # all that are there
    passing: list[Indexed | None] = field(default_factory=list)
    # By each of the catalogues; None where it is deleted, and nothing where that is not known.
    after: list[Indexed | None] = field(default_factory=list)
    _next: int = 1

    @property
    def written(self) -> bool:
        return self.seq is not None

    @property
    def is_live(self) -> bool:
        """By its current version or, where that cannot be read, by what is noted."""
        return self.after[0] is not None if self.after else self.live == 1

    @property
    def whole(self) -> bool:
        """Whether all is known of what it ever was."""
        return self.readable and not self.missing

    def counted(self, v: int) -> None:
        """A version is there."""
        self.missing += range(self._next, v)[:MISSING]
        self._next = v + 1

    def change(self, after: Indexed | None) -> Change:
        """That wrote all versions at once."""
        assert self.seq is not None
        live = int(after is not None)
        d, span, has = self.dated
        dated = (d or 0, span, has or 0)
        return Change(self.rt, self.rid, self.seq, self.v, live, (), after, dated, self.passing)


class Resources:
    def __init__(
        self, database: Database, catalogues: Sequence[Catalogue], types: dict[int, str]
    ) -> None:
        """The first of the catalogues is that of the parameters in force."""
        self._database = database
        self._types = types
        self._by = [(each, Extractor(each.registry)) for each in catalogues]
        self._unpacker = unpacker(database)

    def portions(self) -> Iterator[tuple[int, int, list[Resource]]]:
        """All, in the order of their numbers: those with first <= rid <= last, so that no number
        is left out."""
        first = -LAST
        while True:
            found = self._between(first - 1, LAST)
            last = found[-1].rid if len(found) == PORTION else LAST
            yield first, last, found
            if last == LAST:
                return
            first = last + 1

    def one(self, rid: int) -> Resource | None:
        found = self._between(rid - 1, rid)
        return found[0] if found else None

    def _between(self, above: int, until: int) -> list[Resource]:
        rows = self._database.execute(_RESOURCES, (above, until, PORTION)).fetchall()
        if not rows:
            return []
        found = {row[0]: self._resource(row) for row in rows}
        until = until if len(rows) < PORTION else rows[-1][0]
        for rid, v, seq, dictionary, packed in self._past(above, until):
            resource = found.get(rid)
            if resource is not None and seq is not None and v < resource.v:
                resource.counted(v)
                self._add(resource, dictionary, packed)
        for row in rows:
            self._complete(found[row[0]], *row[9:])
        return list(found.values())

    def _past(self, above: int, until: int) -> Iterator[tuple[Any, ...]]:
        at = (above, LAST)
        while rows := self._database.execute(_PAST, (*at, until, HISTORY)).fetchall():
            yield from rows
            at = rows[-1][:2]

    def _resource(self, row: tuple[Any, ...]) -> Resource:
        rid, rt, id, seq, v, live, *dated = row[:9]
        type = self._types.get(rt, "?")
        return Resource(rid, rt, type, unpack_id(id), seq, v or 0, live or 0, tuple(dated))

    def _add(self, resource: Resource, dictionary: int, packed: bytes | None) -> None:
        """A superseded version: all that is left of it are compartments, and of the last one the
        dates of a deleted resource."""
        resource.passing[-1:] = [_lean(each) for each in resource.passing[-1:]]
        if packed is None:
            resource.passing.append(None)
            return
        value = self._value(resource, dictionary, packed)
        if value is not None:
            catalogue, extract = self._by[0]
            resource.passing.append((catalogue, extract(value)))

    def _complete(
        self, resource: Resource, seq: int | None, dictionary: int, packed: bytes | None
    ) -> None:
        """With its current version."""
        if not resource.written:
            return
        resource.counted(resource.v)
        if seq is None:
            resource.missing.append(resource.v)
        elif packed is None:
            resource.after = [None]
        else:
            value = self._value(resource, dictionary, packed)
            if value is not None:
                resource.after = [(catalogue, extract(value)) for catalogue, extract in self._by]

    def _value(self, resource: Resource, dictionary: int, packed: bytes) -> Struct | None:
        stored = read(self._unpacker, dictionary, packed)
        if stored is not None:
            try:
                return parsed(resource.type, resource.id, stored)
            except Refused:
                pass
        resource.readable = False
        return None


def _lean(indexed: Indexed | None) -> Indexed | None:
    return indexed and (indexed[0], Entries(references=indexed[1].references))
