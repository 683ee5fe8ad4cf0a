"""`xinglin move`: takes a record to another place, from one engine to another."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from xinglin.store.relational.moving import Moved, Progress

DIFFERENT = 1  # exit codes
INTERRUPTED = 130  # as shells have it


def move(
    source: Annotated[
        str,
        typer.Argument(metavar="FROM", help="Folder or postgresql:// URL that holds the record."),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO", help="Empty folder or database, or one in which this move was begun."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Copy a record to another place, history and all, and compare the two.

    FROM stays as it is, and may be served meanwhile: move again to catch up, and a last time when
    its server has stopped. Interrupted, the same command goes on where it was. Ends with 0: both
    are the same, 1: they are not, or this cannot be moved there, 3: one cannot be reached.
    """
    from xinglin.cli.moving import Screen
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import unreachable
    from xinglin.store.places import place

    here, there = place(source), place(target)
    if here == there:
        raise typer.BadParameter("FROM and TO are the same", param_hint="TO")
    with Screen(here, there, as_json=as_json) as screen:
        try:
            moved = asyncio.run(_move(here, there, screen.progress))
        except Unreachable as error:
            unreachable(error)
        except KeyboardInterrupt:
            screen.interrupted()
            sys.exit(INTERRUPTED)
    screen.conclude(moved)
    if moved.different is not None:
        sys.exit(DIFFERENT)


async def _move(source: Path | str, target: Path | str, progress: Progress) -> Moved:
    from xinglin.cli.moving import reaching
    from xinglin.cli.record.garbage import seldom_collected
    from xinglin.server.opening import wall_clock
    from xinglin.store.places import open_database, open_store
    from xinglin.store.relational.moving import move as move_record

    with seldom_collected(), reaching(source), open_database(source) as database:
        with reaching(target):
            store = open_store(target, clock=wall_clock)
        try:
            with reaching(target):
                return await move_record(database, store, progress)
        finally:
            store.close()
