"""The report as a picture (SVG 1.1): rates on the left, latencies on the right, both on a
logarithmic scale, since an import takes a thousand times as long as a read.

Colours follow the reader's light or dark theme; every point says its value, so that nobody
has to read an axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from xinglin.cli.benchmarking.figures import WHOLE, Row, rate
from xinglin.cli.benchmarking.measuring import ECHO, Report
from xinglin.cli.benchmarking.report import number
from xinglin.cli.benchmarking.wording import told

_WIDTH = 960
_NAMES = 190  # px for the names of the workloads
_TOP = 92
_LINE = 44
_PANEL = 290
_GAP = 90
_ROOM = 0.1  # powers of ten to the right of the greatest value

_STYLE = """
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4;
      --rate: #0a6e5c; --fast: #b35900; --slow: #b35900; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #30363d;
        --rate: #4fc3a8; --fast: #f0a35e; --slow: #f0a35e; }
}
text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC", sans-serif;
       fill: var(--ink); }
.ground { fill: var(--ground); }
.title { font-size: 17px; font-weight: 600; }
.soft { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; }
.rate { fill: var(--rate); }
.stem { stroke: var(--rate); stroke-width: 6; stroke-linecap: round; opacity: .28; }
.limit { stroke: var(--soft); stroke-width: 2; }
.p50 { fill: var(--fast); }
.p99 { fill: var(--ground); stroke: var(--slow); stroke-width: 2; }
.span { stroke: var(--slow); stroke-width: 2; opacity: .55; }
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to pixels, by their logarithm."""

    left: float
    low: float  # powers of ten
    high: float

    def at(self, value: float) -> float:
        share = (log10(value) - self.low) / (self.high - self.low)
        return round(self.left + share * _PANEL, 1)

    @property
    def powers(self) -> Iterable[int]:
        return range(ceil(self.low), floor(self.high) + 1)


def scale(left: float, values: Sequence[float]) -> Scale:
    """From a whole power of ten to a little more than the greatest value; all are positive."""
    return Scale(left, floor(log10(min(values))), log10(max(values)) + _ROOM)


def drawn(report: Report) -> str:
    """The picture of all whole workloads that had an answer."""
    rows = [row for row in report.rows if row.part == WHOLE and rate(row) > 0]
    echoes = {row.workload: row for row in report.rows if row.part == ECHO and rate(row) > 0}
    height = _TOP + _LINE * len(rows) + 64
    title = told("chart-title", target=report.target)
    at = report.machine
    below = f"{at.processor}, {at.cores} × CPU, {at.date[:10]}, {at.commit or at.xinglin}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="6"/>',
        _text(24, 34, title, "title"),
        _text(24, height - 18, below, "soft"),
    ]
    if rows:
        parts += _rates(rows, echoes, _TOP + _LINE * len(rows))
        parts += _latencies(rows, _TOP + _LINE * len(rows))
    return "\n".join((*parts, "</svg>", ""))


def _rates(rows: Sequence[Row], echoes: dict[str, Row], bottom: float) -> Iterator[str]:
    shown = [rate(row) for row in rows]
    across = scale(_NAMES, [*shown, *(echo.requests_per_second for echo in echoes.values())])
    yield _text(_NAMES, 66, told("chart-rates"), "soft")
    yield from _grid(across, bottom, "")
    for line, (row, value) in enumerate(zip(rows, shown, strict=True)):
        y = _middle(line)
        yield _text(24, y + 5, told(f"workload-{row.workload}"))
        yield f'<line class="stem" x1="{_NAMES}" x2="{across.at(value)}" y1="{y}" y2="{y}"/>'
        if row.workload in echoes:
            x = across.at(echoes[row.workload].requests_per_second)
            yield f'<line class="limit" x1="{x}" x2="{x}" y1="{y - 9}" y2="{y + 9}"/>'
        yield f'<circle class="rate" cx="{across.at(value)}" cy="{y}" r="6"/>'
        yield _text(across.at(value), y - 11, number(value), anchor="middle")


def _latencies(rows: Sequence[Row], bottom: float) -> Iterator[str]:
    both = [(row.p50_ms or 0.001, row.p99_ms or 0.001) for row in rows]
    across = scale(_NAMES + _PANEL + _GAP, [value for pair in both for value in pair])
    yield _text(across.left, 66, told("chart-latencies"), "soft")
    yield from _grid(across, bottom, " ms")
    for line, (p50, p99) in enumerate(both):
        y, left, right = _middle(line), across.at(p50), across.at(p99)
        yield f'<line class="span" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield f'<circle class="p50" cx="{left}" cy="{y}" r="6"/>'
        yield f'<circle class="p99" cx="{right}" cy="{y}" r="5"/>'
        yield _text(left - 11, y + 5, number(p50), anchor="end")
        yield _text(right + 11, y + 5, number(p99))


def _grid(across: Scale, bottom: float, unit: str) -> Iterator[str]:
    for power in across.powers:
        x = across.at(10**power)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP - 14}" y2="{bottom}"/>'
        yield _text(x, bottom + 18, f"{10**power:,g}{unit}", "soft", "middle")


def _middle(line: int) -> float:
    return _TOP + _LINE * line + _LINE / 2


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{named} text-anchor="{anchor}">{escape(text)}</text>'
