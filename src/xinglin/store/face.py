"""The face of the record: read, search, history, commit, feed. Nothing else.

An engine (`sqlite/`, `postgres/`) implements `Store`. Every commit has a number `t`, the
microsecond of its beginning, forced to increase; a version's `lastUpdated` is its millisecond.
Every read takes a `Reader`, whose rule is joined to the query as one tree at every hop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, Protocol, TypeVar

import msgspec

from xinglin.fhir.resource import Resource, assemble
from xinglin.fhir.search.parameters import Registry
from xinglin.fhir.search.tree import Everything, Node, Query

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Result = TypeVar("Result")
Method = Literal["POST", "PUT", "PATCH", "DELETE"]


@lru_cache(maxsize=4096)
def instant(t: int) -> str:
    """The `lastUpdated` of a commit number (µs), to its millisecond, in UTC.

    >>> instant(1_700_000_000_123_456)
    '2023-11-14T22:13:20.123Z'
    """
    moment = _EPOCH + timedelta(microseconds=t - t % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Version(msgspec.Struct, frozen=True):
    """One version of one resource. A deletion has neither meta nor body."""

    type: str
    id: str
    version: int
    t: int  # µs since 1970-01-01T00:00Z
    method: Method
    meta: bytes | None  # what the client wrote of it, without versionId and lastUpdated
    body: bytes | None  # all members but resourceType, id and meta, as the client wrote them
    seq: int  # its place in the feed

    @property
    def content(self) -> bytes | None:
        """The complete JSON text with id, versionId and lastUpdated in it; None if deleted."""
        if self.body is None:
            return None
        written = instant(self.t)
        return assemble(self.type, self.id, str(self.version), written, self.meta, self.body)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the hits in order, what was included, and where to go on.

    `next` is opaque: a following page shows what did not
    change exactly once, and what changed since the first page at most once."""

    hits: Sequence[Version]
    included: Sequence[Version]
    total: int | None
    next: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    versions: Sequence[Version]  # newest first
    total: int | None
    next: str | None


class Reader(Protocol):
    """Who reads, as the store sees it."""

    def rule(self, type: str) -> Node:
        """What holds of every resource of this type that the reader may see."""
        ...


class Unrestricted:
    """Sees everything: used until access control lands, and by the house itself."""

    def rule(self, type: str) -> Node:
        return Everything()


UNRESTRICTED: Reader = Unrestricted()


class Transaction(Protocol):
    """What a unit of work may do: it sees the record as it is with its own writes in it, and
    nobody else writes meanwhile (serializable)."""

    def read(self, reader: Reader, type: str, id: str) -> Version | None: ...

    def search(self, reader: Reader, query: Query) -> Page: ...

    def put(self, resource: Resource, id: str, method: Method) -> tuple[Version, bool]:
        """Create or update. The flag is False when nothing changed, and then no version was
        written (the same content again). Revives a deleted id. With POST the id must be new."""
        ...

    def delete(self, type: str, id: str) -> Version | None:
        """None when there is nothing to delete."""
        ...

    def moment(self) -> int:
        """A millisecond that nothing will be committed in any more, and behind which nothing
        has been: as of it the record stays what it is, whatever the clocks of servers say."""
        ...

    def advance(self, consumer: str, seq: int) -> None:
        """Remember that a consumer of the feed is done with everything up to `seq`."""
        ...


class Store(Protocol):
    @property
    def registry(self) -> Registry: ...

    async def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        """The current version, a given one, or the one in force at a millisecond. A deletion is
        a Version without content; None when there is none or the reader may not see it."""
        ...

    async def search(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        """Raises Refused for a cursor that no search in this order gave out."""
        ...

    async def which(
        self, reader: Reader, where: Node, versions: Sequence[Version]
    ) -> Sequence[Version]:
        """Those of the versions, whichever they are, that a search with this condition would
        find; what they refer to counts as it is now. A deletion is never among them."""
        ...

    async def history(
        self,
        reader: Reader,
        type: str | None = None,
        id: str | None = None,
        *,
        count: int,
        since: int | None = None,
        at: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> HistoryPage:
        """Versions of one resource, of a type, or of all, newest first.

        `since`: only those at or after this millisecond. `at`: those in force at some time
        of this range of milliseconds."""
        ...

    async def commit(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work` alone, and return its result once it is on disk. An exception in `work`
        undoes all of it and is raised here. `work` may run in another thread, and more than
        once: it may change nothing but the record, and only its last run counts."""
        ...

    async def feed(self, after: int, limit: int) -> Sequence[Version]:
        """Versions with `seq` > after, in commit order."""
        ...

    async def cursor(self, consumer: str) -> int:
        """Up to which `seq` a consumer of the feed is done; 0 for a new one."""
        ...

    async def end(self) -> int:
        """The `seq` of the newest version; 0 in an empty record."""
        ...

    async def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this work while no other process on the same record does work of this name: wait
        for one's turn, and return when it is done. It is cancelled when it can no longer be
        told that nobody else does it; then this raises. What it does, it may do twice."""
        ...

    def reindex(self, definitions: Sequence[bytes]) -> AsyncIterator[tuple[int, int]]:
        """Bring custom search parameters (SearchParameter resources) into force, instead of
        those that are; gives (done, of) on the way. The record is read and written meanwhile;
        broken off, the same call takes it up again.

        Raises: Refused when a definition is wrong."""
        ...

    def close(self) -> None: ...
