"""docs/benchmarks.md: the page is drawn from the newest record of each part, never written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks import columns
from benchmarks.markdown import table
from benchmarks.records import Point, Record, latest
from xinglin.cli.benchmarking.chart import drawn
from xinglin.cli.benchmarking.figures import WHOLE, Row, price
from xinglin.cli.benchmarking.measuring import Report
from xinglin.cli.benchmarking.report import number

DOCS = Path(__file__).parents[1] / "docs"

_HEAD = """# Benchmarks

This page is drawn from `benchmarks/results.json` by `python -m benchmarks --page`; nothing in it
is written by hand. The commands, with Bundles of Synthea in a folder (processor, date and load of
each run are at the end):

```sh
XINGLIN_BUNDLES=synthea/ .venv/bin/python -m benchmarks # --only importing, doors, scaling, engines
./run bench --bundles synthea/                          # the workloads alone, on any server
```

What each measures, and how to read it: [benchmarks/README.md](../benchmarks/README.md).

**Trust the ratios.** Each figure has a reference that was measured in the same run on the same
machine. Figures per core are per second of CPU time that the server took; wall-clock rates on a
machine with a high load average were shared with whatever else ran there.
"""

_QUICK = """**Some of these are from a quick run, which shows that the tools work and not how fast
anything is: small records, short times, few users. “Where and when” says which.**

"""

_PUBLISHED = """## Published figures of others

Other machines, other data, often measured by the maker: an order of magnitude, no more.

| what | published | source |
|---|---|---|
| transactions imported, resources/s per core | HAPI 138, Aidbox 167, Medplum 48 | Health Samurai, \
fhir-server-performance-benchmark, June 2026 |
| the same | Blaze 632 (16 cores) to 1,036 (4 cores) | samply/blaze, docs/performance |
| create, read, update, delete, requests/s per vCPU | HAPI 191, Aidbox 326, Medplum 89 | \
Health Samurai, as above |
| bytes on disk per resource | Blaze 1,100; Aidbox 3,400; HAPI 11,300 | both, as above |
"""


def written(records: list[Record], docs: Path = DOCS) -> None:
    """Draw the page and its chart."""
    docs.mkdir(exist_ok=True)
    newest = latest(records)
    report = newest["doors"].report if "doors" in newest else None
    if report is not None:
        (docs / "benchmarks.svg").write_text(drawn(report), encoding="utf-8")
    (docs / "benchmarks.md").write_text(page(newest), encoding="utf-8")


def page(newest: dict[str, Record]) -> str:
    parts = [_HEAD, _promises(newest.values())]
    for record in newest.values():
        if record.report is not None:
            parts.append(_workloads(record.report))
        if record.points:
            parts.append(_sizes(record.points))
        if record.engines:
            parts.append(columns.drawn(record))
    parts += [_PUBLISHED, _machines(newest.values())]
    return "\n".join(parts)


def _promises(records: Collection[Record]) -> str:
    rows = [
        (
            result.what,
            f"**{number(result.figure)}** {result.unit}",
            f"{number(result.reference_figure)}: {result.reference}",
            f"{number(result.ratio)} ×",
            f"{'≥' if result.better == 'more' else '≤'} {number(result.goal)}",
            "yes" if result.held else "**not yet**",
        )
        for record in records
        for result in record.results
    ]
    head = ("what", "measured", "reference in the same run", "ratio", "goal", "held")
    quick = _QUICK if any(record.quick for record in records) else ""
    return "## What was promised\n\n" + quick + table(head, rows)


def _workloads(report: Report) -> str:
    head = ["workload", "users", "requests/s", "resources/s", "p50 ms", "p95 ms", "p99 ms"]
    head += ["errors", "server CPU µs", "× loads", "of its limit"]
    text = "## Workloads of `xinglin bench`\n\n![rates and latencies](benchmarks.svg)\n\n"
    text += table(head, map(_cells, report.rows))
    if report.limits is None:
        return text
    known = report.limits
    parts = [("`orjson.loads`, the yardstick", known.loads_us), ("decode", known.decode_us)]
    parts.append(("extract search values", known.extract_us))
    parts += [(f"durable commit, {n} at a time", us) for n, us in known.commit_us.items()]
    rows = [(name, number(us), number(known.yardsticks(us))) for name, us in parts]
    text += f"\nThe parts alone, for one resource of {known.mean_bytes} bytes on average:\n\n"
    return text + table(("part", "CPU µs", "× loads"), rows)


def _cells(row: Row) -> Iterator[str]:
    yield row.workload if row.part == WHOLE else f"– {row.part}"
    yield str(row.users)
    yield number(row.requests_per_second)
    yield number(row.resources_per_second)
    yield from (number(latency) for latency in (row.p50_ms, row.p95_ms, row.p99_ms))
    yield str(row.errors)
    yield number(price(row))
    yield number(row.yardsticks)
    yield "" if row.of_limit is None else f"{row.of_limit:.0%}"


def _sizes(points: Sequence[Point]) -> str:
    head = ["resources", "import, CPU µs each", "× loads", "bytes each"]
    head += ["in process p50 ms", "p99 ms", "HTTP p50 ms", "p99 ms"]
    rows = [
        (
            f"{at.resources:,}",
            number(at.cpu_us),
            number(at.cpu_us / at.loads_us),
            number(at.bytes_each),
            *map(number, (at.engine_p50_ms, at.engine_p99_ms, at.http_p50_ms, at.http_p99_ms)),
        )
        for at in points
    ]
    title = "## The record as it grows\n\n`Observation?patient=…&code=…&_sort=-date&_count=20`, "
    return title + "one client; import in process, 1,000 in a commit.\n\n" + table(head, rows)


def _machines(records: Iterable[Record]) -> str:
    rows = [
        (
            record.part,
            f"{at.processor}, {at.cores} cores, {at.memory_gib} GiB",
            f"{at.system}, Python {at.python}",
            record.data + (", **quick: far too short to trust**" if record.quick else ""),
            f"{at.date}, {at.commit or at.xinglin}",
            f"{at.load} → {record.load_after}",
        )
        for record in records
        for at in (record.machine,)
    ]
    head = ("part", "machine", "system", "data", "when, and what", "load average")
    return "## Where and when\n\n" + table(head, rows)
