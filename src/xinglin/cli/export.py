"""`xinglin export`: writes a record into NDJSON files, one a type."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def export(
    out: Annotated[Path, typer.Option(help="Folder for the files; made when it is missing.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that holds the record; through its server if one has it open."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds the record instead.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base address of a FHIR server that offers $export.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="“Name: value”, sent with each request to --url.")
    ] = None,
    type: Annotated[  # the option's name
        list[str] | None, typer.Option(help="A resource type; may be repeated. Without: all.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what changed since this time (2026-01-31T08:00:00Z).")
    ] = None,
    packing: Annotated[str, typer.Option(help="none, gz or zst.")] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the record as it is at this moment into NDJSON files, one for each resource type."""
    from xinglin.cli.exporting import PACKINGS, check_types, conclude, written
    from xinglin.cli.record.door import Unreachable
    from xinglin.cli.record.opening import open_door, unreachable

    if packing not in PACKINGS:
        raise typer.BadParameter("none, gz or zst", param_hint="--packing")
    types = check_types(type or [])

    async def write() -> dict[str, int]:
        door = open_door(data, database, url, header or ())
        try:
            return await written(door.export(types, since), out, packing)
        finally:
            await door.close()

    try:
        counts = asyncio.run(write())
    except Unreachable as error:
        unreachable(error)
    conclude(counts, out, as_json=as_json)
