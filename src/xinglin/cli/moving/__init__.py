"""What the person at the terminal sees of a move, and what a place that fails is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from xinglin.cli import language
from xinglin.cli.record import tables
from xinglin.cli.record.door import Unreachable
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import sentence
from xinglin.server.refusal import passing
from xinglin.store.places import shown
from xinglin.store.relational.moving import Moved


@contextmanager
def reaching(place: Path | str) -> Iterator[None]:
    """What happens inside where a place cannot be read, or cannot be written at present.

    Raises: Unreachable, Refused.
    """
    try:
        with tables.reaching(place):
            yield
    except OSError as error:
        raise Unreachable(shown(place), error.strerror or str(error)) from error
    except Refused as refused:
        if not passing(refused):
            raise
        told = str(refused.__cause__ or sentence(refused.issues[0], language()))
        given: dict[str, str | int] = {"reason": told.strip().rstrip(".。")}
        halted = sentence(Issue("informational", "cli.move-halted", given=given), language())
        raise Unreachable(shown(place), halted) from refused


class Screen:
    def __init__(self, source: Path | str, target: Path | str, *, as_json: bool) -> None:
        self._places = {"source": shown(source), "target": shown(target)}
        self._as_json = as_json
        self._begun = time.monotonic()
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=as_json or not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def progress(self, done: int, of: int) -> None:
        self._bar.update(self._task, completed=done, total=of)

    def interrupted(self) -> None:
        self._say("cli.move-interrupted", {}, "yellow")

    def conclude(self, moved: Moved) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        equal = moved.different is None
        if self._as_json:
            said = {
                **self._places,
                "copied": moved.copied,
                "versions": dict(sorted(moved.versions.items())),
                "resources": dict(sorted(moved.resources.items())),
                "seconds": seconds,
                "equal": equal,
                "different": moved.different,
            }
            typer.echo(msgspec.json.encode(said).decode())
            return
        for name, count in sorted(moved.resources.items()):
            typer.echo(f"{name}: {count}", err=True)
        given: dict[str, str | int] = {
            **self._places,
            "copied": moved.copied,
            "versions": sum(moved.versions.values()),
            "resources": sum(moved.resources.values()),
            "seconds": str(seconds),
            "different": moved.different or "",
        }
        key = "cli.move-ended" if equal else "cli.move-different"
        self._say(key, given, "green" if equal else "red")

    def _say(self, key: str, given: dict[str, str | int], colour: str) -> None:
        issue = Issue("informational", key, given=given)
        typer.secho(sentence(issue, language()), err=True, fg=colour)
