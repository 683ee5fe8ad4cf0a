"""`xinglin backup`: the whole record, as it is at one moment, in one file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer


def backup(
    out: Annotated[Path, typer.Argument(help="File to write; - for the standard output.")],
    data: Annotated[Path | None, typer.Option(help="Folder that holds the record.")] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds the record instead.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file where there is one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a backup of the record, while it is in use.

    The file is there when it is complete and on disk; of a backup that fails nothing is left.
    Ends with 0: it is written, 1: it is not, 2: the command makes no sense, 3: the record
    cannot be reached.
    """
    from xinglin.cli.backing_up import conclude, watching
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import unreachable
    from xinglin.cli.record.tables import chosen, reaching
    from xinglin.fhir.outcome import Issue, Refused
    from xinglin.store import backups

    place = chosen(data, database)
    piped = str(out) == "-"
    if not (piped or out.parent.is_dir()):
        raise typer.BadParameter(f"there is no folder {out.parent}", param_hint="OUT")
    begun, made = time.perf_counter(), time.time_ns() // 1000
    try:
        with reaching(place), watching("cli.backup-progress") as watch:
            if piped:
                contents = backups.pour(place, sys.stdout.buffer, made=made, watch=watch)
                sys.stdout.buffer.flush()
            else:
                contents = backups.write(place, out, made=made, over=force, watch=watch)
    except Unreachable as error:
        unreachable(error)
    except OSError as error:
        given: dict[str, str | int] = {"file": str(out), "reason": error.strerror or str(error)}
        raise Refused(Issue("exception", "cli.backup-unwritable", given=given)) from error
    conclude("cli.backup-ended", str(out), contents, begun, as_json=as_json, out=not piped)
