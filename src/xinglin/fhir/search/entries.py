"""The index values of one resource, as `extraction.py` finds them and the store keeps them.

Each entry begins with the number of its Parameter (`Parameter.number`, unique in a Registry
and meaningless outside the process). No entry occurs twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

TokenEntry = tuple[int, str, str]  # system ("" where there is none), code
StringEntry = tuple[int, str]  # as written, not normalised
UriEntry = tuple[int, str]  # uri, canonical (without |version too), absolute reference
ReferenceEntry = tuple[int, str, str]  # type, id
DateEntry = tuple[int, int, int]  # low, high: inclusive, ms; open ends are MIN_MS, MAX_MS
NumberEntry = tuple[int, Decimal]
QuantityEntry = tuple[int, Decimal, str, str, str]  # value, system, code, unit; "" = absent

MIN_MS = -62135596800000  # 0001-01-01T00:00:00.000Z
MAX_MS = 253402300799999  # 9999-12-31T23:59:59.999Z


@dataclass(slots=True)
class Entries:
    """`clinical` is the start of the range of the type's clinical date parameter, in ms."""

    clinical: int | None = None
    tokens: list[TokenEntry] = field(default_factory=list)
    strings: list[StringEntry] = field(default_factory=list)
    uris: list[UriEntry] = field(default_factory=list)
    references: list[ReferenceEntry] = field(default_factory=list)
    dates: list[DateEntry] = field(default_factory=list)
    numbers: list[NumberEntry] = field(default_factory=list)
    quantities: list[QuantityEntry] = field(default_factory=list)
    # number of the composite, then the entries of one element, numbered by its components:
    # every combination of one entry per component that the element yields.
    composites: list[tuple[int, tuple[Entry, ...]]] = field(default_factory=list)


Entry = (
    TokenEntry | StringEntry | UriEntry | ReferenceEntry | DateEntry | NumberEntry | QuantityEntry
)
