"""What commands need of a record, wherever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol

Kind = Literal["transaction", "batch"]


class Answer(NamedTuple):
    """HTTP status, and the Bundle or OperationOutcome."""

    status: int
    body: bytes


class Note(NamedTuple):
    """How far a source is taken in. It is kept with what it speaks of, or not at all."""

    key: str
    reached: int


class Unreachable(Exception):  # noqa: N818  (it is the answer to the command)
    """There is no record there, or nobody answers for it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class NoRecord(Unreachable):
    """The place is there, perhaps; a record is not."""

    def __init__(self, where: str) -> None:
        super().__init__(where, "no record")


class Line(NamedTuple):
    """One resource of an export."""

    type: str
    content: bytes


class Reindexing(NamedTuple):
    """How far it is; at its end also what is said of each SearchParameter that was left out."""

    progress: str = ""
    left_out: Sequence[str] = ()


class Door(Protocol):
    where: str  # for people

    async def submit(self, kind: Kind, bundle: bytes, note: Note | None) -> Answer:
        """Carry out a Bundle. Raises: Unreachable."""
        ...

    async def reached(self, key: str) -> int:
        """The last note of this key; 0 where there is none."""
        ...

    async def forget(self, keys: Sequence[str]) -> None:
        """Set notes back to 0: what they were for is complete."""
        ...

    def export(self, types: Sequence[str], since: str | None) -> AsyncIterator[Sequence[Line]]:
        """All resources as of now, in portions; no types: all. Raises: Unreachable, Refused."""
        ...

    def reindex(self) -> AsyncIterator[Reindexing]:
        """Bring custom search parameters into force. Raises: Unreachable, Refused."""
        ...

    async def close(self) -> None: ...
