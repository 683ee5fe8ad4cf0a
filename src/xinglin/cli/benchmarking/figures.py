"""The arithmetic of a report: percentiles and rates, from what the load generator counted."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from xinglin.cli.benchmarking.load import LOST, UNEXPECTED, Load, Series

WHOLE = ""  # the part that is the whole workload
IMPORT = "import"  # the workload whose requests carry many resources each


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the report. A whole workload has all figures, a part of it those of HTTP."""

    workload: str
    part: str = WHOLE
    users: int
    seconds: float
    requests: int  # answered well
    resources: int
    requests_per_second: float
    resources_per_second: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    outcomes: dict[str, int]  # by HTTP status, or "lost", or "unexpected"
    errors: int
    generator_us: float | None = None  # CPU of the load generator, a request
    generator_busy: float = 0.0  # share of one core; near 1 the generator was the limit
    cpu_us_per_request: float | None = None  # of the server, where it is ours
    cpu_us_per_resource: float | None = None
    bytes_per_resource: float | None = None
    yardsticks: float | None = None  # CPU a request or imported resource, in orjson.loads
    limit_us: float | None = None  # the least CPU that the same could take
    of_limit: float | None = None  # limit / measured


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed.

    >>> percentile([1, 2, 3, 4], 0.5)
    2
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def rows(workload: str, users: int, load: Load) -> list[Row]:
    """The whole workload first, then its parts where it has several."""
    whole = _row(workload, WHOLE, users, load, together(load.parts.values()))
    if len(load.parts) < 2:
        return [whole]
    parts = (_row(workload, part, users, load, load.parts[part]) for part in sorted(load.parts))
    return [whole, *parts]


def together(parts: Iterable[Series]) -> Series:
    whole = Series()
    for part in parts:
        whole.outcomes.update(part.outcomes)
        whole.latencies.extend(part.latencies)
        whole.resources += part.resources
    return whole


def _row(workload: str, part: str, users: int, load: Load, series: Series) -> Row:
    ordered = array("d", sorted(series.latencies))
    good, answered = len(ordered), sum(p.outcomes.total() for p in load.parts.values())
    p50, p95, p99 = (
        (round(1000 * percentile(ordered, share), 3) for share in (0.5, 0.95, 0.99))
        if good
        else (None, None, None)
    )
    return Row(
        workload=workload,
        part=part,
        users=users,
        seconds=round(load.seconds, 3),
        requests=good,
        resources=series.resources,
        requests_per_second=round(good / load.seconds, 3),
        resources_per_second=round(series.resources / load.seconds, 3),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        outcomes={_name(status): n for status, n in sorted(series.outcomes.items())},
        errors=series.outcomes.total() - good,
        generator_us=round(1e6 * load.generator_seconds / answered, 1) if answered else None,
        generator_busy=round(load.generator_seconds / load.seconds, 2),
    )


def _name(status: int) -> str:
    return {LOST: "lost", UNEXPECTED: "unexpected"}.get(status, str(status))


def priced(row: Row, cpu_seconds: float | None) -> Row:
    """With what it cost the server, if that is known; failed requests cost too, so they lie
    in the price of the good ones."""
    if cpu_seconds is None:
        return row
    us = cpu_seconds * 1e6
    return replace(
        row,
        cpu_us_per_request=round(us / row.requests, 1) if row.requests else None,
        cpu_us_per_resource=round(us / row.resources, 1) if row.resources else None,
    )


def price(row: Row) -> float | None:
    """µs of CPU for a request; for a resource where many come in one request."""
    return row.cpu_us_per_resource if row.workload == IMPORT else row.cpu_us_per_request


def rate(row: Row) -> float:
    """Requests a second, or resources where many come in one request."""
    return row.resources_per_second if row.workload == IMPORT else row.requests_per_second


def compared(row: Row, loads_us: float, limit_us: float | None) -> Row:
    """With its price in yardsticks, and as a share of the least that is possible."""
    us = price(row)
    if us is None or us <= 0:
        return row
    return replace(
        row,
        yardsticks=round(us / loads_us, 1),
        limit_us=None if limit_us is None else round(limit_us, 1),
        of_limit=None if limit_us is None else round(limit_us / us, 3),
    )
