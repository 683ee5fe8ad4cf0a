"""`xinglin version`: what runs here, to be put into a report of a fault."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed
from typing import Annotated

import typer


def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the versions of Xinglin, Python and SQLite."""
    # The version of apsw is the version of the SQLite within it and one number more.
    versions = {
        "xinglin": installed("xinglin"),
        "python": platform.python_version(),
        "sqlite": installed("apsw").rpartition(".")[0],
        "apsw": installed("apsw"),
    }
    if as_json:
        typer.echo(json.dumps(versions))
    else:
        for name, number in versions.items():
            typer.echo(f"{name:8} {number}")
