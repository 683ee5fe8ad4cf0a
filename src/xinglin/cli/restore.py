"""`xinglin restore`: a record from a backup."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

FOUND = 1  # exit code


def restore(
    file: Annotated[Path, typer.Argument(help="The backup; - for the standard input.")],
    data: Annotated[Path | None, typer.Option(help="Folder for the record.")] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) for the record instead.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the backup to its end, and restore nothing.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then read all of the record again: xinglin verify.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object; with --verify one more.")
    ] = False,
) -> None:
    """Make a record from a backup, in a folder or a database that has none.

    It is there when it is complete; of a restore that fails or is stopped nothing is left that
    looks like a record. A backup of either engine can be restored into the other. Ends with
    0: done, 1: refused, or something found, 2: the command makes no sense, 3: the place cannot
    be reached.
    """
    from xinglin.cli.backing_up import conclude, watching
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import unreachable
    from xinglin.cli.record.tables import chosen, reaching
    from xinglin.fhir.outcome import Issue, Refused
    from xinglin.store import backups

    place = chosen(data, database)
    begun = time.perf_counter()
    try:
        with (
            sys.stdin.buffer if str(file) == "-" else file.open("rb") as source,
            watching("cli.restore-progress") as watch,
        ):
            if check:
                contents = backups.check(source, watch)
            else:
                with reaching(place):
                    contents = backups.restore(source, place, watch=watch)
    except Unreachable as error:
        unreachable(error)
    except OSError as error:
        given: dict[str, str | int] = {"file": str(file), "reason": error.strerror or str(error)}
        raise Refused(Issue("exception", "cli.restore-failed", given=given)) from error
    key = "cli.backup-whole" if check else "cli.restore-ended"
    conclude(key, str(file), contents, begun, as_json=as_json)
    if verify and not check:
        _verify(place, as_json=as_json)


def _verify(place: Path | str, *, as_json: bool) -> None:
    from xinglin.cli.verifying import Screen
    from xinglin.store.places import open_database, shown

    with Screen(shown(place), as_json=as_json) as screen, open_database(place) as database:
        screen.read(database)
    screen.conclude()
    if screen.found:
        sys.exit(FOUND)
