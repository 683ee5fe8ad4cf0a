"""The search of a conditional interaction (FHIR R4, RESTful API, "Conditional create" and on).

It runs in the transaction that writes, so that two clients cannot both find nothing and both
create. Unknown parameters are always refused: ignoring one would change the wrong resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.grammar import parse
from xinglin.fhir.search.tree import Everything, Query
from xinglin.server.house import House
from xinglin.store.face import Reader, Transaction, Version

_ENOUGH = 2  # to know that there are several; a multiple delete takes more pages


def matches(house: House, type: str, pairs: Sequence[tuple[str, str]], base: str) -> Query:
    """The criteria as a query. Refused where they hold of every resource of the type."""
    search = parse(
        house.registry,
        (type,),
        pairs,
        strict=True,
        base=base,
        now_ms=house.clock() // 1000,
    )
    if isinstance(search.query.where, Everything):
        raise Refused(Issue("required", "server.no-criteria", at="url"), status=412)
    return replace(search.query, sort=(), count=_ENOUGH, includes=(), total="none")


def one_match(transaction: Transaction, reader: Reader, type: str, query: Query) -> Version | None:
    """The only match, or None. Refused with 412 where there are several."""
    hits = transaction.search(reader, query).hits
    if len(hits) > 1:
        raise several(type)
    return hits[0] if hits else None


def several(type: str) -> Refused:
    return Refused(Issue("multiple-matches", "server.several-matches", given={"type": type}))
