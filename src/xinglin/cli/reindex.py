"""`xinglin reindex`: brings the record's own search parameters into force."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer


def reindex(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that holds the record; through its server if one has it open."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds the record instead.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Base address of a Xinglin server.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="“Name: value”, sent with each request to --url.")
    ] = None,
) -> None:
    """Search from now on by the SearchParameter resources of the record as well.

    The record can be used meanwhile. Interrupted, the same command goes on where it was.
    A SearchParameter that cannot be searched by is named and left out; the exit code is 1 then.
    """
    from xinglin.cli import language
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import open_door, unreachable
    from xinglin.fhir.outcome import Issue
    from xinglin.fhir.wording import sentence

    def say(key: str, progress: str = "") -> None:
        issue = Issue("informational", key, given={"progress": progress})
        typer.echo(sentence(issue, language()), err=True)

    async def work() -> list[str]:
        left_out: list[str] = []
        door = open_door(data, database, url, header or ())
        try:
            async for step in door.reindex():
                if step.progress and sys.stderr.isatty():
                    say("cli.reindex-progress", step.progress)
                left_out += step.left_out
        finally:
            await door.close()
        return left_out

    try:
        left_out = asyncio.run(work())
    except Unreachable as error:
        unreachable(error)
    for said in left_out:
        typer.secho(said, err=True, fg="yellow")
    say("cli.reindex-ended-in-part" if left_out else "cli.reindex-ended")
    if left_out:
        raise typer.Exit(1)
