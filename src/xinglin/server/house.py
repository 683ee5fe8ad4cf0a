"""What every interaction works with: the record, its language, the settings, the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from xinglin.fhir.search.parameters import Registry
from xinglin.server.http import Request, Response
from xinglin.server.settings import Settings
from xinglin.store.face import Store


class Target(NamedTuple):
    """What the path of a request names: `Patient/123/_history/4` is type, id and version;
    `Patient/123/Observation` is type, id and `member` (`*` for all) of a compartment."""

    type: str | None = None
    id: str | None = None
    version: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class House:
    """Passed to every handler. In a transaction `store` is the transaction, so that a handler
    reads and writes as ever and everything it did is kept or undone with the rest."""

    store: Store
    registry: Registry
    settings: Settings
    clock: Callable[[], int]  # µs since 1970-01-01T00:00Z
    new_id: Callable[[], str]
    answer: Callable[[House, Request], Awaitable[Response]]  # route and carry out one request


Handler = Callable[[House, Request, Target], Awaitable[Response]]
