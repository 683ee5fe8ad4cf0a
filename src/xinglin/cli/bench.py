"""`xinglin bench`: how fast a FHIR R4 server is, this one or another, and what its limit is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

QUICK_SECONDS = 0.3


def bench(
    url: Annotated[
        str | None, typer.Option(help="FHIR base address to measure; none starts our own server.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help='Sent with every request: "Name: value".')
    ] = None,
    bundles: Annotated[
        Path | None, typer.Option(help="Folder of transaction Bundles (.json, .bz2, .gz).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Workload to measure; may be given several times.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each workload.")] = 10,
    users: Annotated[
        int | None, typer.Option(min=1, help="Virtual users, for all workloads.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few seconds in all: does it work, not how fast.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Draw it into this SVG file.")] = None,
) -> None:
    """Measure a FHIR server. Writes into it: never into a record that people need."""
    import msgspec
    from rich.console import Console

    from xinglin.cli.benchmarking.chart import drawn
    from xinglin.cli.benchmarking.measuring import Plan, measured
    from xinglin.cli.benchmarking.report import shown
    from xinglin.cli.benchmarking.wording import told
    from xinglin.cli.benchmarking.workloads import KINDS, chosen

    plan = Plan(
        only=chosen(only),
        seconds=QUICK_SECONDS if quick else seconds,
        users=users or (8 if quick else None),
        seeds=6 if quick else 40,
        packets=12 if quick else 400,
        bundles=bundles,
        url=url,
        headers=header or (),
    )
    console = Console()
    with Console(stderr=True).status("") as status:

        def say(step: str) -> None:
            status.update(told(f"workload-{step}" if step in KINDS else f"step-{step}"))

        report = measured(plan, say)
    console.print(shown(report, console.width))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if chart is not None:
        chart.write_text(drawn(report), encoding="utf-8")
