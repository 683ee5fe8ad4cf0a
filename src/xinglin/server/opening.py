"""The house from its settings: everything is put together here, and nowhere else."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.house import House
from xinglin.server.ids import time_ordered
from xinglin.server.routes import answer
from xinglin.server.settings import Settings
from xinglin.store.face import Store
from xinglin.store.places import Place, open_store, shown
from xinglin.store.relational.database import Unreachable, Unusable
from xinglin.store.sqlite import FolderInUse, SchemaMismatch, SqliteStore


def wall_clock() -> int:
    """µs since 1970-01-01T00:00Z."""
    return time.time_ns() // 1000


def open_house(settings: Settings, place: Place, *, clock: Callable[[], int] = wall_clock) -> House:
    """The record in that place, and all that works with it.

    Raises:
        Refused: the place cannot be used, or another server has it for itself.
    """
    if isinstance(place, Path):
        settings = settings.model_copy(update={"data": place})  # bulk jobs lie there too
    return House(
        store=_store(place, clock),
        settings=settings,
        clock=clock,
        started=clock(),
        new_id=time_ordered(clock, random.Random().getrandbits),  # noqa: S311  (ids are no secrets)
        answer=answer,
        aside=asyncio.to_thread,
    )


def announce(house: House, address: str) -> None:
    """Tell other processes that want the house's folder where it is served."""
    if isinstance(house.store, SqliteStore):  # a database takes in as many servers as come
        house.store.announce(address)


def _store(place: Place, clock: Callable[[], int]) -> Store:
    folder = shown(place)
    try:
        return open_store(place, clock=clock)
    except FolderInUse as used:
        given: dict[str, str | int] = {"folder": str(used.folder), "address": used.address or "?"}
        raise Refused(Issue("conflict", "server.folder-in-use", "data", given)) from used
    except SchemaMismatch as other:
        given = {"folder": folder, "reason": str(other)}
        raise Refused(
            Issue("conflict", "server.folder-of-another-edition", "data", given)
        ) from other
    except Unreachable as error:
        if isinstance(place, Path):
            given = {"folder": folder, "reason": str(error)}
            raise Refused(Issue("exception", "server.folder-unusable", "data", given)) from error
        given = {"database": folder, "reason": str(error).strip()}
        raise Refused(Issue("transient", "server.no-database", "database", given)) from error
    except Unusable as error:
        given = {"database": folder, "reason": str(error)}
        raise Refused(Issue("exception", "server.database-unusable", "database", given)) from error
    except OSError as error:
        given = {"folder": folder, "reason": error.strerror or str(error)}
        raise Refused(Issue("exception", "server.folder-unusable", "data", given)) from error
