"""Finds the record that a command is about: `--data`, `--database`, `--url`, or the settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import typer

from xinglin.cli import language
from xinglin.cli.record.door import Door, NoRecord, Unreachable
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import sentence
from xinglin.store.relational.database import Unreachable as NoDatabase
from xinglin.store.sqlite import FolderInUse

UNREACHABLE: Final = 3  # exit code


def open_door(
    data: Path | None,
    database: str | None,
    url: str | None,
    headers: Sequence[str],
    *,
    new: bool = False,
) -> Door:
    """The folder or database itself, or the server that has the folder, or the one at `url`.
    `new`: for a command that may begin a record; any other would take a misspelt folder for an
    empty one.

    Raises: Unreachable, Refused.
    """
    # Each of the two brings a good part of the program along.
    if url is not None:
        from xinglin.cli.record.remote import Remote

        return Remote(url, dict(_header(line) for line in headers))
    from xinglin.cli.record.local import Local

    try:
        return Local(data or database, new=new)
    except Refused as refused:
        used = refused.__cause__
        if isinstance(used, NoDatabase):
            given = refused.issues[0].given
            where = str(given.get("database") or given["folder"])
            raise Unreachable(where, str(used)) from used
        if not isinstance(used, FolderInUse):
            raise
        if used.address is None:
            raise Unreachable(str(used.folder), "in use by another process") from used
        from xinglin.cli.record.remote import Remote

        return Remote(f"{used.address}/fhir", {})


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise typer.BadParameter(f"{line!r} is not “Name: value”")
    return name.strip(), value.strip()


def unreachable(error: Unreachable) -> NoReturn:
    """Say so, and end the command."""
    given: dict[str, str | int] = {"where": error.where, "reason": error.reason}
    key = "cli.no-record" if isinstance(error, NoRecord) else "cli.unreachable"
    issue = Issue("transient", key, given=given)
    typer.secho(sentence(issue, language()), err=True, fg="red")
    sys.exit(UNREACHABLE)
