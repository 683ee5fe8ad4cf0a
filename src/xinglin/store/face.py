"""The face of the record: read, search, history, commit, feed. Nothing else.

An engine (`sqlite/`, later PostgreSQL) implements `Store`. Every commit has a number `t`, the
microsecond of its beginning, forced to increase; a version's `lastUpdated` is its millisecond.
Every read takes a `Reader`, whose rule is joined to the query as one tree at every hop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from xinglin.fhir.resource import Resource
from xinglin.fhir.search.parameters import Registry
from xinglin.fhir.search.tree import Everything, Node, Query

Result = TypeVar("Result")
Method = Literal["POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource. `content` is the complete JSON text with id, versionId and
    lastUpdated in it; None when this version is a deletion. `seq` is its place in the feed."""

    type: str
    id: str
    version: int
    t: int  # µs since 1970-01-01T00:00Z
    method: Method
    content: bytes | None
    seq: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the hits in order, what was included, and where to go on.

    `next` is opaque and holds for as long as the store: a following page shows what did not
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
        written (the same content again). Revives a deleted id."""
        ...

    def delete(self, type: str, id: str) -> Version | None:
        """None when there is nothing to delete."""
        ...


class Store(Protocol):
    @property
    def registry(self) -> Registry: ...

    def read(
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

    def search(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        """Raises Refused for a cursor that is not of this query."""
        ...

    def history(
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
        undoes all of it and is raised here. `work` may run in another thread."""
        ...

    def feed(self, after: int, limit: int) -> Sequence[Version]:
        """Versions with `seq` > after, in commit order."""
        ...

    def close(self) -> None: ...
