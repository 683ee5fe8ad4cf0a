"""The report as a table on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from xinglin.cli.benchmarking.figures import WHOLE, Row, price
from xinglin.cli.benchmarking.limits import Limits
from xinglin.cli.benchmarking.measuring import ECHO, Report
from xinglin.cli.benchmarking.wording import told

_BUSY = 0.85  # of its core: from here on the generator may have been the limit

_WIDE = 120  # columns of a terminal that shows everything
_SPARE = {"users", "p95", "yardsticks"}

_COLUMNS = (
    *("workload", "users", "requests", "resources", "p50", "p95", "p99", "errors"),
    *("cpu", "yardsticks", "of-limit"),
)


def shown(report: Report, width: int) -> RenderableType:
    """Machine, figures, limits, and what has to be known to read them. A terminal of less than
    so many columns is not shown what the JSON has anyway."""
    lines = [dict(zip(_COLUMNS, _cells(row), strict=True)) for row in report.rows]
    left_out = _SPARE if width < _WIDE else set()
    columns = [
        name for name in _COLUMNS if name not in left_out and any(line[name] for line in lines)
    ]
    table = Table(header_style="bold", pad_edge=False, box=None)
    for name in columns:
        justify: JustifyMethod = "left" if name == "workload" else "right"
        table.add_column(told(f"column-{name}"), justify=justify, no_wrap=name != "errors")
    for row, line in zip(report.rows, lines, strict=True):
        style = None if row.part == WHOLE else "dim"
        table.add_row(*(line[name] for name in columns), style=style)
    parts: list[RenderableType] = [Text(_machine(report)), Text(""), table, Text("")]
    if report.limits is not None:
        parts += [_limits(report.limits), Text("")]
    parts += (Text(note, style="italic") for note in _notes(report))
    return Group(*parts)


def _machine(report: Report) -> str:
    at = report.machine
    return told(
        "machine",
        target=report.target,
        processor=at.processor,
        cores=at.cores,
        python=at.python,
        date=at.date,
        commit=at.commit or at.xinglin,
        before=f"{at.load:.2f}",
        after=f"{report.load_after:.2f}",
    )


def _cells(row: Row) -> Iterator[str]:
    name = told(f"workload-{row.workload}")
    yield name if row.part == WHOLE else f"  {told('part-echo') if row.part == ECHO else row.part}"
    yield str(row.users)
    yield number(row.requests_per_second)
    yield number(row.resources_per_second)
    for latency in (row.p50_ms, row.p95_ms, row.p99_ms):
        yield number(latency)
    yield _errors(row)
    yield number(price(row))
    yield number(row.yardsticks)
    yield "" if row.of_limit is None else f"{row.of_limit:.0%}"


def _errors(row: Row) -> str:
    """`0`, or what went wrong and how often."""
    bad = {name: n for name, n in row.outcomes.items() if not name.startswith("2")}
    if not row.requests and not bad:
        return told("nothing-to-ask")
    return ", ".join(f"{name} × {n}" for name, n in bad.items()) or "0"


def _limits(limits: Limits) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None)
    for column in ("limit", "limit-us", "yardsticks"):
        table.add_column(told(f"column-{column}"), justify="left" if column == "limit" else "right")
    lines = {
        told("limit-loads", bytes=limits.mean_bytes): limits.loads_us,
        told("limit-decode"): limits.decode_us,
        told("limit-extract"): limits.extract_us,
        **{told("limit-commit", size=size): us for size, us in limits.commit_us.items()},
    }
    for name, us in lines.items():
        table.add_row(name, number(us), number(limits.yardsticks(us)))
    return table


def _notes(report: Report) -> Iterator[str]:
    echo = next((row for row in report.rows if row.part == ECHO), None)
    if echo is not None and echo.generator_us:
        ceiling = number(1e6 / echo.generator_us)
        yield told("ceiling", us=number(echo.generator_us), ceiling=ceiling)
    for row in report.rows:
        if row.part == WHOLE and row.generator_busy > _BUSY:
            share = f"{row.generator_busy:.0%}"
            yield told("generator-busy", workload=told(f"workload-{row.workload}"), share=share)
    for row in report.rows:
        if row.bytes_per_resource is not None:
            yield told("disk", bytes=number(row.bytes_per_resource))
    if report.resident_mib is not None:
        yield told("memory", mib=round(report.resident_mib))


def number(value: float | None) -> str:
    """With three digits that matter at least, and thousands apart.

    >>> number(12345.6), number(12.345), number(0.01234), number(None)
    ('12,346', '12.3', '0.0123', '')
    """
    if value is None:
        return ""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
