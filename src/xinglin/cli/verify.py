"""`xinglin verify`: whether a record is what was written, and its index what follows from that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

FOUND = 1  # exit codes
INTERRUPTED = 130  # as shells have it


def verify(
    data: Annotated[Path | None, typer.Option(help="Folder that holds the record.")] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds the record instead.")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Where something is found: make the index and all counters again from the "
            "versions. No server may have the folder open; those on a database wait to write.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read every version of the record again, and compare all else with what they say.

    A server may be at work on it meanwhile. Nothing is changed without --repair, and versions
    never are. Ends with 0: all is well, 1: something was found (and mended, with --repair, where
    it can be), 3: the record cannot be reached.
    """
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.garbage import seldom_collected
    from xinglin.cli.record.opening import unreachable
    from xinglin.cli.record.tables import chosen, reaching
    from xinglin.cli.verifying import Screen
    from xinglin.store.places import open_database, shown

    place = chosen(data, database)
    with seldom_collected(), Screen(shown(place), as_json=as_json) as screen:
        try:
            with reaching(place), open_database(place, write=repair) as opened:
                screen.read(opened)
                if repair and screen.found:
                    screen.mend(opened)
        except Unreachable as error:
            unreachable(error)
        except KeyboardInterrupt:
            screen.interrupted()
            sys.exit(INTERRUPTED)
    screen.conclude()
    if screen.found:
        sys.exit(FOUND)
