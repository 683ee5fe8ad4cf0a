"""Other search parameters come into force: every resource is indexed anew, while all goes on.

The definitions to come are kept in the database, with how far the work is, so that it can be
taken up again after a stop. Until it is done, what is written is indexed by the parameters to
come and searches know only those in force; then both are the same again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.parameters import Registry, standard
from xinglin.store.relational.catalogue import Catalogue, enrol
from xinglin.store.relational.database import Database
from xinglin.store.relational.work import Work

IN_FORCE, TO_COME = 0, 1
STEP = 500  # resources in one commit
CURSOR = "reindex"  # the highest `rid` that is done


def registry_of(database: Database, stage: int) -> Registry | None:
    """The parameters of a stage; None when none are to come."""
    found: list[tuple[Any, ...]] = database.execute(
        "SELECT definition FROM custom WHERE stage = ? ORDER BY place", (stage,)
    ).fetchall()
    if stage == TO_COME and not found:
        return None
    definitions = [bytes(definition) for (definition,) in found if definition is not None]
    return standard().with_custom(definitions) if definitions else standard()


def set_stage(database: Database, stage: int, definitions: Sequence[bytes]) -> None:
    """Note the definitions. A row without one says that there are to be none."""
    database.execute("DELETE FROM custom WHERE stage = ?", (stage,))
    rows: list[tuple[int, int, bytes | None]] = [(stage, 0, None)]
    rows += [(stage, place, definition) for place, definition in enumerate(definitions, 1)]
    database.insert("custom", ("stage", "place", "definition"), rows, fresh=True)
    # Other processes on the same record see by this that they have to look.
    database.execute("UPDATE lane SET generation = generation + 1")


async def reindex(
    maintain: Callable[[Callable[[Work], int]], Awaitable[int]], definitions: Sequence[bytes]
) -> AsyncIterator[tuple[int, int]]:
    """See `Store.reindex`; `maintain` commits a work of the store's own."""
    wanted = standard().with_custom(definitions) if definitions else standard()
    last = await maintain(lambda work: _begin(work, wanted, definitions))
    done = await maintain(_position)
    while done < last:
        yield done, last
        until = min(done + STEP, last)
        done = await maintain(partial(_step, first=done + 1, until=until))
    await maintain(lambda work: _end(work, definitions))
    yield last, last


def _begin(work: Work, wanted: Registry, definitions: Sequence[bytes]) -> int:
    """Write by the parameters to come from now on; the last `rid` that was written before."""
    if definitions_of(work.database, TO_COME) != list(definitions):
        set_stage(work.database, TO_COME, definitions)
        work.advance(CURSOR, 0)
    enrol(work.database, wanted, RESOURCE_TYPES)
    work.index_by(Catalogue(work.database, wanted))
    [(last,)] = work.database.execute("SELECT coalesce(max(rid), 0) FROM res")
    return int(last)


def definitions_of(database: Database, stage: int) -> list[bytes] | None:
    """Those of a stage; None when nothing was ever noted of it."""
    sql = "SELECT definition FROM custom WHERE stage = ? ORDER BY place"
    rows = [row for (row,) in database.execute(sql, (stage,))]
    return [bytes(definition) for definition in rows[1:]] if rows else None


def _position(work: Work) -> int:
    row = work.database.execute("SELECT seq FROM cursor WHERE name = ?", (CURSOR,)).fetchone()
    return 0 if row is None else int(row[0])


def _step(work: Work, first: int, until: int) -> int:
    work.index_again(first, until)
    work.advance(CURSOR, until)
    return until


def _end(work: Work, definitions: Sequence[bytes]) -> int:
    set_stage(work.database, IN_FORCE, definitions)
    work.database.execute("DELETE FROM custom WHERE stage = ?", (TO_COME,))
    work.advance(CURSOR, 0)
    return 0
