"""`python -m benchmarks`: measure what was promised, and draw docs/benchmarks.md from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import page, records
from benchmarks.doors import doors
from benchmarks.engines import engines
from benchmarks.importing import importing
from benchmarks.scaling import scaling
from benchmarks.setting import Setting
from xinglin.cli.benchmarking.report import number

PARTS: dict[str, Callable[[Setting], records.Record]] = {
    "importing": importing,
    "doors": doors,
    "scaling": scaling,
    "engines": engines,
}


def main(
    bundles: Annotated[
        Path | None,
        typer.Option(envvar="XINGLIN_BUNDLES", help="Folder of Bundles, such as Synthea's."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)}.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small and short: does it work, not how fast.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Records are appended here.")] = records.RESULTS,
    docs: Annotated[Path, typer.Option(help="Where the page is drawn.")] = page.DOCS,
    draw: Annotated[
        bool, typer.Option("--page", help="Measure nothing, only draw the page.")
    ] = False,
) -> None:
    """Measure what was promised; every record is appended, the page shows the newest."""
    setting = Setting(bundles, quick)
    for name in () if draw else only or PARTS:
        if name not in PARTS:
            raise typer.BadParameter(name, param_hint="--only")
        typer.echo(f"{name} …")
        record = PARTS[name](setting)
        records.append(record, results)
        for result in record.results:
            typer.echo(_line(result))
    page.written(records.read(results), docs)


def _line(result: records.Result) -> str:
    sign = "≥" if result.better == "more" else "≤"
    return (
        f"  {'held   ' if result.held else 'NOT YET'} {result.what}: {number(result.figure)}"
        f" {result.unit} (goal {sign} {number(result.goal)});"
        f" {number(result.ratio)} × {number(result.reference_figure)}, {result.reference}"
    )


if __name__ == "__main__":
    typer.run(main)
