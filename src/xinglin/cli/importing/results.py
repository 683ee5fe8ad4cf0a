"""What became of the resources of an import: counts, and those that were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from xinglin.cli.record.door import Answer
from xinglin.fhir.bundle import Entry


class Rejection(msgspec.Struct, omit_defaults=True):
    """One line of the report. `entry` counts from 0, as in the FHIRPath `Bundle.entry[0]`;
    without it the source as a whole was refused."""

    source: str
    status: int
    outcome: msgspec.Raw
    entry: int | None = None
    line: int | None = None
    request: str | None = None


@dataclass(slots=True)
class Summary:
    sources: int = 0
    skipped: int = 0  # sources that an earlier run had taken in
    created: int = 0
    updated: int = 0  # or found to be there already, the same
    rejected: int = 0  # resources, or whole sources
    types: Counter[str] = field(default_factory=Counter)

    @property
    def resources(self) -> int:
        return self.created + self.updated


class Result(NamedTuple):
    """Of one entry."""

    entry: int  # counted from 0
    type: str
    status: int
    outcome: bytes


class _Response(msgspec.Struct):
    status: str
    outcome: msgspec.Raw = msgspec.Raw()


class _Entry(msgspec.Struct):
    response: _Response


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


def results(answer: Answer, entries: list[Entry]) -> Iterator[Result]:
    """The result of each entry, from the Bundle that answers for them."""
    answered = msgspec.json.decode(answer.body, type=_Bundle).entry
    for index, (entry, one) in enumerate(zip(entries, answered, strict=True)):
        url = entry.request.url if entry.request else ""
        type = url.partition("?")[0].partition("/")[0]
        status = int(one.response.status[:3])
        yield Result(index, type, status, bytes(one.response.outcome))
