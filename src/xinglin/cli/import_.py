"""`xinglin import`: takes files of FHIR resources into a record."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xinglin.cli.importing.results import Summary

REJECTED = 1  # exit codes
INTERRUPTED = 130  # as shells have it


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders or patterns: Bundles (transaction, batch, collection, searchset), "
            "single resources, or NDJSON; plain, .gz, .bz2, .zst or .zip."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that holds the record; through its server if one has it open."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds the record instead.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base address of a FHIR server to import into instead.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="“Name: value”, sent with each request to --url.")
    ] = None,
    keep_ids: Annotated[
        bool,
        typer.Option(
            "--keep-ids", help="Write each resource under the id it has: a second run adds nothing."
        ),
    ] = False,
    on_error: Annotated[
        str, typer.Option(help="stop: at the first refusal. skip: go on with the rest.")
    ] = "stop",
    split: Annotated[
        bool,
        typer.Option(
            "--split",
            help="Try a refused transaction entry by entry, under the ids of its resources.",
        ),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="File for an NDJSON line on everything that was refused.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what an interrupted run had taken in.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take FHIR resources into a record.

    What is refused is said, and the rest is in. Interrupted, the same command goes on where it
    was. Ends with 0: all is in, 1: something was refused, 2: the command makes no sense,
    3: the record cannot be reached.
    """
    from xinglin.cli.importing.display import Display
    from xinglin.cli.importing.intake import Intake, Wish
    from xinglin.cli.importing.sources import Unreadable, find
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import open_door, unreachable

    if on_error not in ("stop", "skip"):
        raise typer.BadParameter("stop or skip", param_hint="--on-error")
    try:
        sources = find(paths)
    except Unreadable as error:
        raise typer.BadParameter(str(error), param_hint="PATHS") from error
    wish = Wish(keep_ids=keep_ids, stop=on_error == "stop", split=split, again=again)

    async def take_in(display: Display) -> Summary:
        door = open_door(data, database, url, header or (), new=True)
        try:
            return await Intake(door, wish, display.refused, display.seen).run(sources)
        finally:
            await door.close()

    with Display(sources, report, as_json=as_json) as display:
        try:
            summary = asyncio.run(take_in(display))
        except Unreachable as error:
            unreachable(error)
        except KeyboardInterrupt:
            display.interrupted()
            sys.exit(INTERRUPTED)
    display.conclude(summary)
    if summary.rejected:
        sys.exit(REJECTED)
