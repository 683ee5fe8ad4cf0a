"""What a verification finds, as data; its sentences are in the locale of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from xinglin.fhir.outcome import Issue

Kind = Literal[
    "engine",  # the database itself says that its files are damaged
    "gap",  # places in the feed are empty
    "time",  # a version is older than the one before it
    "altered",  # a version is not what was written
    "unreadable",  # a version cannot be read
    "unowned",  # a version of a resource that is not there
    "incomplete",  # a version of a resource is not there
    "misplaced",  # where the versions of a resource lie is noted wrongly
    "live",  # whether a resource is deleted is noted wrongly
    "dates",  # the clinical date or the values that a resource has are noted wrongly
    "missing",  # rows of the index are not there
    "surplus",  # rows of the index should not be there
    "stray",  # rows of the index are of no resource at all
    "count",  # how many resources a type has is noted wrongly
    "counter",  # a number could be given twice
    "parameter",  # a search parameter has no number
]

# What follows from the versions, and can be made from them again.
MENDABLE: frozenset[Kind] = frozenset(
    {"misplaced", "live", "dates", "missing", "surplus", "stray", "count", "counter", "parameter"}
)

Given = Mapping[str, str | int]


class Finding(NamedTuple):
    kind: Kind
    type: str = ""
    id: str = ""
    version: int = 0
    what: Given = MappingProxyType({})

    @property
    def mendable(self) -> bool:
        return self.kind in MENDABLE

    @property
    def place(self) -> str:
        """`Patient/du/_history/3`, or as much of it as it is about."""
        parts = (self.type, self.id, f"_history/{self.version}" if self.version else "")
        return "/".join(filter(None, parts))

    @property
    def issue(self) -> Issue:
        given = {"place": self.place, **self.what}
        return Issue("processing", f"store.found-{self.kind}", self.place or None, given)


def _nobody(_: Tally) -> None:
    """Nobody looks."""


@dataclass(slots=True)
class Tally:
    """How far the work is; `seen` is called from time to time."""

    seen: Callable[[Tally], None] = _nobody
    versions: int = 0
    resources: int = 0
    rows: int = 0  # of the index
    of_versions: int = 0
    of_resources: int = 0
    reindexing: bool = False  # other search parameters are being brought into force
    found: Counter[Kind] = field(default_factory=Counter)

    @property
    def mendable(self) -> int:
        return sum(count for kind, count in self.found.items() if kind in MENDABLE)
