"""The record as one transaction sees it, in the shape of the record itself.

With this as its store every handler of a single request carries out an entry of a transaction,
commands and operations included: what it reads has the earlier entries in it, and what it
commits is kept or undone with them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.parameters import Registry
from xinglin.fhir.search.tree import Node, Query
from xinglin.store.face import HistoryPage, Page, Reader, Transaction, Version

Result = TypeVar("Result")


class Within:
    """A Store that is one Transaction."""

    def __init__(self, registry: Registry, transaction: Transaction) -> None:
        self.registry = registry
        self._transaction = transaction

    async def read(
        self,
        reader: Reader,
        type: str,
        id: str,
        *,
        version: int | None = None,
        at: int | None = None,
    ) -> Version | None:
        if version is not None or at is not None:
            raise _only_the_present()
        return self._transaction.read(reader, type, id)

    async def search(self, reader: Reader, query: Query, *, cursor: str | None = None) -> Page:
        if cursor is not None:
            raise _only_the_present()
        return self._transaction.search(reader, query)

    async def which(
        self, reader: Reader, where: Node, versions: Sequence[Version]
    ) -> Sequence[Version]:
        raise _only_the_present()

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
        raise _only_the_present()

    async def commit(self, work: Callable[[Transaction], Result]) -> Result:
        return work(self._transaction)

    async def feed(self, after: int, limit: int) -> Sequence[Version]:
        raise _only_the_present()

    async def cursor(self, consumer: str) -> int:
        raise _only_the_present()

    async def end(self) -> int:
        raise _only_the_present()

    async def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        raise _only_the_present()

    def reindex(self, definitions: Sequence[bytes]) -> AsyncIterator[tuple[int, int]]:
        raise _only_the_present()

    def close(self) -> None:
        """The record stays open: who opened it closes it."""


async def at_once(work: Callable[[], Result]) -> Result:
    """Nobody else is here who could be kept waiting."""
    return work()


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Carry out a handler on a store of this module, where nothing is ever waited for.

    Raises:
        Refused: by the handler, or because it would have to wait and so cannot be an entry.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise Refused(Issue("not-supported", "server.not-in-transaction", at="url"))


def _only_the_present() -> Refused:
    return Refused(Issue("not-supported", "server.not-in-transaction", at="url"))
