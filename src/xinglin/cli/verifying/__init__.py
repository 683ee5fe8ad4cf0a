"""What the person at the terminal sees of a verification; or, for programs, one JSON object."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from xinglin.cli import language
from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import sentence
from xinglin.store.relational.database import Database
from xinglin.store.relational.verifying import Finding, Tally, rebuild, verify

_SHOWN = 20  # findings on the terminal
_LISTED = 1000  # and in the JSON object


class Screen:
    def __init__(self, where: str, *, as_json: bool) -> None:
        self._where = where
        self._as_json = as_json
        self._begun = time.monotonic()
        self._first = Tally()
        self._left: Tally | None = None  # after a repair
        self._listed: list[Finding] = []
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=as_json or not sys.stderr.isatty(),
            transient=True,
        )

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

    @property
    def found(self) -> int:
        """How many findings there were, mended or not."""
        return self._first.found.total()

    def read(self, database: Database) -> None:
        self._first = self._read(database)

    def mend(self, database: Database) -> None:
        """Make again what can be made again, and see what is left."""
        rebuild(database, self._followed("cli.verify-step-mend"))
        self._left = self._read(database)

    def interrupted(self) -> None:
        self._say("cli.verify-interrupted", {}, "yellow")

    def conclude(self) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        if self._as_json:
            typer.echo(msgspec.json.encode(self._told(seconds)).decode())
            return
        for finding in self._listed[:_SHOWN]:
            typer.secho(sentence(finding.issue, language()), err=True, fg="red")
        tally, left = self._first, self._left
        listed = (left or tally).found.total()
        if listed > _SHOWN:
            self._say("cli.verify-more", {"count": listed - _SHOWN}, "red")
        if tally.reindexing:
            self._say("cli.verify-reindexing", {}, "yellow")
        given: dict[str, str | int] = {
            "versions": tally.versions,
            "resources": tally.resources,
            "rows": tally.rows,
            "seconds": f"{seconds:.1f}",
            "found": self.found,
            "mendable": tally.mendable,
            "left": listed,
            "mended": self.found - listed,
        }
        if left is not None:
            self._say("cli.verify-mended", given, "red" if listed else "yellow")
        else:
            self._say(
                "cli.verify-found" if listed else "cli.verify-clean",
                given,
                "red" if listed else "green",
            )

    def _read(self, database: Database) -> Tally:
        tally = self._followed("cli.verify-step-read")
        self._listed = []
        for finding in verify(database, tally):
            if len(self._listed) < _LISTED:
                self._listed.append(finding)
        return tally

    def _followed(self, key: str) -> Tally:
        """A tally whose progress is shown."""
        said = sentence(Issue("informational", key), language())
        task = self._bar.add_task(said, total=None)

        def seen(tally: Tally) -> None:
            total = tally.of_versions + tally.of_resources
            self._bar.update(task, completed=tally.versions + tally.resources, total=total)

        return Tally(seen)

    def _told(self, seconds: float) -> dict[str, Any]:
        tally, left = self._first, self._left
        return {
            "record": self._where,
            "seconds": seconds,
            "versions": tally.versions,
            "resources": tally.resources,
            "rows": tally.rows,
            "reindexing": tally.reindexing,
            "found": dict(sorted(tally.found.items())),
            "left": None if left is None else dict(sorted(left.found.items())),
            "findings": [
                {
                    "kind": each.kind,
                    "place": each.place,
                    "text": sentence(each.issue, language()),
                    **each.what,
                }
                for each in self._listed
            ],
        }

    def _say(self, key: str, given: dict[str, str | int], colour: str) -> None:
        issue = Issue("informational", key, given=given)
        typer.secho(sentence(issue, language()), err=True, fg=colour)
