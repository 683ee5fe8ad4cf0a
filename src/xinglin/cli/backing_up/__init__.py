"""What `xinglin backup` and `xinglin restore` say."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from xinglin.cli import language
from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import sentence
from xinglin.store.face import instant
from xinglin.store.relational.backup import Contents, Watch, unwatched

MEBI = 1 << 20


@contextmanager
def watching(key: str) -> Iterator[Watch]:
    """Tells somebody at a terminal how many rows are done."""
    if not sys.stderr.isatty():
        yield unwatched
        return
    done = 0
    with Console(stderr=True).status(_said(key, rows=0)) as status:

        def watch(rows: int) -> None:
            nonlocal done
            done += rows
            status.update(_said(key, rows=done))

        yield watch


def conclude(
    key: str, file: str, contents: Contents, begun: float, *, as_json: bool, out: bool = True
) -> None:
    """Say what was done.

    Args:
        begun: by `time.perf_counter`.
        out: whether the standard output is free for it.
    """
    seconds = round(time.perf_counter() - begun, 3)
    manifest = contents.manifest
    if as_json:
        told = {
            "file": file,
            "bytes": contents.size,
            "seconds": seconds,
            "made": instant(manifest.made),
            "xinglin": manifest.by,
            "schema": manifest.schema,
            "seq": manifest.seq,
            "t": manifest.t,
            "rows": dict(contents.rows),
        }
        typer.echo(json.dumps(told), err=not out)
        return
    said = _said(
        key,
        file=file,
        versions=contents.rows["ver"],
        size=f"{contents.size / MEBI:.1f}",
        seconds=f"{seconds:.1f}",
        made=instant(manifest.made),
    )
    typer.echo(said, err=True)


def _said(key: str, **given: str | int) -> str:
    return sentence(Issue("informational", key, given=given), language())
