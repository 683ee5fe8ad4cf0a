"""What the person at the terminal sees of an import: how far it is, what was refused, how it
ended; or, for programs, one JSON object.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from xinglin.cli import language
from xinglin.cli.importing.results import Rejection, Summary
from xinglin.cli.importing.sources import Source
from xinglin.cli.record.remote import said
from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import sentence

_SHOWN: Final = 10  # refusals on the terminal; the report has them all


class Display:
    def __init__(self, sources: Sequence[Source], report: Path | None, *, as_json: bool) -> None:
        self._as_json = as_json
        self._begun = time.monotonic()
        self._resources = self._refused = 0
        self._report: IO[bytes] | None = report.open("wb") if report is not None else None
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=as_json or not sys.stderr.isatty(),
            transient=True,
        )
        self._bar = self._progress.add_task("", total=sum(source.size for source in sources))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._report is not None:
            self._report.close()

    def seen(self, source: Source | None, resources: int) -> None:
        """A source has ended, or so many resources more are in."""
        self._resources += resources
        given: dict[str, str | int] = {"resources": self._resources, "rate": self._rate()}
        self._progress.update(
            self._bar,
            advance=source.size if source else 0,
            description=_words("cli.import-progress", given),
        )

    def refused(self, rejection: Rejection) -> None:
        if self._report is not None:
            self._report.write(msgspec.json.encode(rejection) + b"\n")
            self._report.flush()
        self._refused += 1
        if self._as_json or self._refused > _SHOWN:
            return
        place = rejection.source
        if rejection.line is not None:
            place += f":{rejection.line}"
        elif rejection.entry is not None:
            place += f": Bundle.entry[{rejection.entry}]"
        self._progress.console.print(
            f"{place}: {said(bytes(rejection.outcome))}", style="red", soft_wrap=True
        )

    def interrupted(self) -> None:
        self._say("cli.import-interrupted", {"resources": self._resources}, "yellow")

    def conclude(self, summary: Summary) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        if self._as_json:
            shown = {
                **{f: getattr(summary, f) for f in ("sources", "skipped", "created", "updated")},
                "rejected": summary.rejected,
                "seconds": seconds,
                "types": dict(sorted(summary.types.items())),
            }
            typer.echo(msgspec.json.encode(shown).decode())
            return
        given: dict[str, str | int] = {
            "created": summary.created,
            "updated": summary.updated,
            "rejected": summary.rejected,
            "skipped": summary.skipped,
            "seconds": str(seconds),
            "rate": self._rate(),
        }
        self._say("cli.import-ended", given, "red" if summary.rejected else "green")

    def _rate(self) -> int:
        return round(self._resources / max(time.monotonic() - self._begun, 0.001))

    def _say(self, key: str, given: dict[str, str | int], colour: str) -> None:
        typer.secho(_words(key, given), err=True, fg=colour)


def _words(key: str, given: dict[str, str | int]) -> str:
    return sentence(Issue("informational", key, given=given), language())
