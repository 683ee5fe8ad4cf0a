"""What the demo prints: made for 80 columns, in colour on a terminal, plain anywhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import Language, sentence
from xinglin.server.examples import Example

LABEL = 10  # cells


class Found(NamedTuple):
    example: Example
    total: int


class Screen:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._console = Console(highlight=False, markup=False, emoji=False)

    def opens(self, address: str, folder: Path) -> None:
        self._print("杏林 Xinglin", style="bold")
        self._print()
        self._place("cli.demo-page", address)
        self._place("cli.demo-api", f"{address}/fhir/metadata")
        self._place("cli.demo-record", str(folder))
        self._print()

    async def counts(self, expected: int, arriving: AsyncIterator[int]) -> bool:
        """Show how many of the expected have arrived; whether all did."""
        if not expected:
            return True
        self._say("cli.demo-arriving", count=f"{expected:,}")
        began = monotonic()
        bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        arrived = 0
        with bar:
            task = bar.add_task("", total=expected)
            async for some in arriving:
                arrived += some
                bar.advance(task, some)
        seconds = f"{monotonic() - began:.0f}"
        key = "cli.demo-arrived" if arrived == expected else "cli.demo-broken-off"
        self._say(key, count=f"{arrived:,}", expected=f"{expected:,}", seconds=seconds)
        return arrived == expected

    def ready(self, patients: int, resources: int) -> None:
        self._say("cli.demo-ready", patients=f"{patients:,}", resources=f"{resources:,}")
        self._print()

    def suggests(self, address: str, findings: Sequence[Found]) -> None:
        for example, total in findings:
            what = self._sentence(example.key)
            self._say("cli.demo-found", what=what, count=f"{total:,}")
            self._print(f"  {address}{example.path}", style="cyan")
        if findings:
            self._print()
        self._say("cli.demo-stop")

    def _place(self, key: str, place: str) -> None:
        self._console.print(f"  {set_cell_size(self._sentence(key), LABEL)}", end="")
        self._print(place, style="cyan")

    def _say(self, key: str, **given: str) -> None:
        self._print(self._sentence(key, **given))

    def _sentence(self, key: str, **given: str) -> str:
        return sentence(Issue("informational", key, given=dict(given)), self._language)

    def _print(self, text: str = "", style: str | None = None) -> None:
        # An address that was wrapped can no longer be clicked.
        self._console.print(text, style=style, soft_wrap=True)
