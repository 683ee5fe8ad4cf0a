"""What clients of a record asked and what they were told, with the times of one monotonic clock.

Nothing here judges: `checker.py` does, when all is over. A write is known again by its mark, a
value that no other write has, so that whoever finds it knows who sent it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource, as an answer showed it."""

    address: str  # Basic/counter-1
    number: int  # meta.versionId
    mark: str | None  # None: a deletion; "" where the answer did not say
    when: str = ""  # meta.lastUpdated; "" where the answer did not say
    value: int | None = None  # of a counter or an account
    content: str | None = None  # see `contents.canonical`; None: not shown, or a deletion
    refers: tuple[str, ...] = ()  # the addresses of its references
    group: str | None = None

    def __str__(self) -> str:
        return f"{self.address} version {self.number}" + (" (deleted)" if self.mark is None else "")


@dataclass(frozen=True, slots=True)
class Absent:
    """There was no such resource: never (404), no longer (410), or, as a search has it, either."""

    address: str
    deleted: bool | None = None

    def __str__(self) -> str:
        return f"no {self.address}"


@dataclass(frozen=True, slots=True)
class Other:
    """Its current version was not this one (412)."""

    address: str
    number: int

    def __str__(self) -> str:
        return f"another version of {self.address} than {self.number}"


Seen: TypeAlias = Version | Absent | Other


@dataclass(frozen=True, slots=True)
class Write:
    """One version that a request was to write."""

    mark: str | None  # None: a deletion
    address: str | None = None  # None: the server gives the id
    content: str | None = None
    base: int | None = None  # If-Match: the version to be followed
    claim: str | None = None  # If-None-Exist: only if nothing has this claim


class Fate(Enum):
    DONE = "acknowledged"
    REFUSED = "refused"
    DOUBTFUL = "not answered"  # it may be there once, or not at all


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and its answer."""

    who: str
    server: str
    what: str  # PUT Basic/counter-1
    began: int  # ns
    ended: int  # ns; of one that is doubtful, when the client gave up
    status: int | None  # None: no answer
    writes: tuple[Write, ...] = ()
    told: tuple[Version | None, ...] = ()  # of each write, what it became; None: none
    saw: tuple[Seen, ...] = ()
    group: str | None = None  # what it saw was all of this group
    listed: tuple[Version, ...] = ()  # a page of the history of everything, newest first
    first: bool = False  # the first page, which begins with the newest version of all

    @property
    def fate(self) -> Fate:
        if self.status is None or self.status >= 500:
            return Fate.DOUBTFUL
        return Fate.DONE if self.status < 400 else Fate.REFUSED

    def __str__(self) -> str:
        return f"{self.what} by {self.who} on {self.server} ({self.status or 'no answer'})"


@dataclass(frozen=True, slots=True)
class World:
    """What the clients share from the beginning."""

    counters: tuple[str, ...] = ()  # version n of a counter has the value n - 1
    accounts: tuple[str, ...] = ()  # their values always have the sum `total`
    total: int = 0
    lives: tuple[str, ...] = ()  # put and deleted by anybody, at will


@dataclass
class Notes:
    """All clients write here, each from its own thread; nothing is ever taken back."""

    world: World = World()
    asked: list[Asked] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)  # of transactions, as they are begun
    tails: dict[str, list[Version]] = field(default_factory=dict)  # by who followed the feed
    faults: list[str] = field(default_factory=list)  # what was wrong with an answer in itself
    _count: int = 0
    _more: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def note(self, asked: Asked) -> None:
        with self._more:
            self.asked.append(asked)
            if asked.writes and asked.fate is Fate.DONE:
                self._count += 1
                self._more.notify_all()

    def fault(self, sentence: str) -> None:
        with self._more:
            self.faults.append(sentence)

    def tail(self, who: str) -> list[Version]:
        """What this one, and nobody else, appends to as it follows the feed."""
        with self._more:
            return self.tails.setdefault(who, [])

    @property
    def acknowledged(self) -> int:
        """Requests that were to write and were answered for."""
        return self._count

    def wait(self, acknowledgements: int, patience: float) -> bool:
        """Until so many came. False when none came for `patience` seconds."""
        with self._more:
            while self._count < acknowledgements:
                if not self._more.wait(patience):
                    return False
            return True


@dataclass(frozen=True, slots=True)
class View:
    """What one server shows when all is over."""

    server: str
    feed: Sequence[Version]  # its history of everything, the oldest first
    found: dict[str, Version]  # by a search over all types
    read: dict[str, Version | Absent]  # each address of the history, read one by one
