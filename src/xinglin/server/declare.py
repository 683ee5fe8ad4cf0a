"""How a module says which requests it answers.

A module of `interactions/` has a table `INTERACTIONS`, one of `operations/` a table
`OPERATIONS`. Both are found, not listed: routing and the CapabilityStatement follow from them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from xinglin.server.house import Handler, House

Level = Literal["system", "type", "instance"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Pattern = Literal[
    "",
    "metadata",
    "_history",
    "_search",
    "{type}",
    "{type}/_history",
    "{type}/_search",
    "{type}/{id}",
    "{type}/{id}/_history",
    "{type}/{id}/_history/{version}",
    "{type}/{id}/{member}",
    "{type}/{id}/{member}/_search",
]


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs beside the requests until it is cancelled; a module lists its own as `WORKERS`. Of
    several servers on one record, one does the work."""

    work: Callable[[House], Coroutine[Any, Any, None]]
    # What it works on besides the record, by a name of its own: servers that do not see the same
    # each do theirs.
    on: Callable[[House], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """`code` is of TypeRestfulInteraction or SystemRestfulInteraction, as the
    CapabilityStatement shows it; None where it shows nothing."""

    code: str | None
    method: Method
    path: Pattern
    handler: Handler
    past: bool = False  # whether `_at` may ask for the record as it was


@dataclass(frozen=True, slots=True)
class Operation:
    """A FHIR operation `$name`. `types` None: every type. One that does not affect state may be
    called by GET with its parameters in the query; one that does, by POST alone."""

    name: str
    levels: tuple[Level, ...]
    handler: Handler
    types: tuple[str, ...] | None = None
    affects_state: bool = False
    definition: str | None = None  # canonical of the OperationDefinition; None: HL7's
    methods: tuple[Method, ...] = ()  # where they are others than those said above
    past: bool = False  # whether `_at` may ask for the record as it was
