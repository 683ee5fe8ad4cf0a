"""A Store on tables: the face, and what those who look after a record may do besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from xinglin.store.face import Store
from xinglin.store.relational.work import Work

Result = TypeVar("Result")


class RelationalStore(Store, Protocol):
    async def maintain(self, work: Callable[[Work], Result]) -> Result:
        """As `commit`, with all that a Work can do."""
        ...
