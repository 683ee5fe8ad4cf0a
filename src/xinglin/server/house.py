"""What every interaction works with: the record, its language, the settings, the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from xinglin.fhir.search.parameters import Registry
from xinglin.server.http import Request, Response
from xinglin.server.settings import Settings
from xinglin.store.face import Store

Result = TypeVar("Result")


class Aside(Protocol):
    async def __call__(self, work: Callable[[], Result], /) -> Result: ...


class Target(NamedTuple):
    """What the path of a request names: `Patient/123/_history/4` is type, id and version;
    `Patient/123/Observation` is type, id and `member` (`*` for all) of a compartment. What it does
    not name is empty."""

    type: str = ""
    id: str = ""
    version: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """Passed to every handler. In a transaction `store` is the transaction, so that a handler
    reads and writes as ever and everything it did is kept or undone with the rest."""

    store: Store
    settings: Settings
    clock: Callable[[], int]  # µs since 1970-01-01T00:00Z
    started: int  # when, by that clock
    new_id: Callable[[], str]
    # Route and carry out one request.
    answer: Callable[[House, Request], Coroutine[Any, Any, Response]]
    aside: Aside  # for a long computation that other requests should not have to wait for

    @property
    def registry(self) -> Registry:
        """The search parameters, custom ones included."""
        return self.store.registry


Handler = Callable[[House, Request, Target], Awaitable[Response]]
