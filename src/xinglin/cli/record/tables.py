"""The place whose tables a command works on: `--data`, `--database`, or that of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from xinglin.cli.record.door import NoRecord, Unreachable
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.settings import load
from xinglin.store.places import shown
from xinglin.store.relational.database import Full, Unusable
from xinglin.store.relational.database import Unreachable as NoDatabase
from xinglin.store.relational.migrations import SchemaMismatch
from xinglin.store.sqlite import FolderInUse


def chosen(data: Path | None, database: str | None) -> Path | str:
    """Raises: Refused, where the settings cannot be read."""
    if data is not None and database is not None:
        raise typer.BadParameter("--data or --database, not both")
    return data or database or load().place


@contextmanager
def reaching(place: Path | str) -> Iterator[None]:
    """What happens inside when there is no such record, as a command says it.

    Raises: Unreachable, Refused.
    """
    where = shown(place)
    try:
        yield
    except FolderInUse as used:
        raise Unreachable(where, "in use by another process") from used
    except FileNotFoundError as missing:
        raise NoRecord(where) from missing
    except (NoDatabase, Full) as gone:
        raise Unreachable(where, str(gone).strip()) from gone
    except Unusable as error:
        given: dict[str, str | int] = {"database": where, "reason": str(error)}
        raise Refused(Issue("exception", "server.database-unusable", given=given)) from error
    except SchemaMismatch as other:
        given = {"folder": where, "reason": str(other)}
        earlier = other.found < other.expected
        key = "cli.record-of-earlier" if earlier else "server.folder-of-another-edition"
        raise Refused(Issue("conflict", key, given=given)) from other
