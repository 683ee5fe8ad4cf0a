"""What the server counts of itself, as Prometheus reads it (text format 0.0.4).

Counting must cost nothing next to a read of 40 µs: the counts are plain dictionaries, and only
who asks for them pays for putting them into the library's form.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics(Collector):
    """Requests by interaction and status; their duration by interaction."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._durations: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, interaction: str, status: int, seconds: float) -> None:
        self._requests[interaction, status] += 1
        self._durations[interaction][bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[interaction] += seconds

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "xinglin_http_requests",
            "Requests answered, by interaction and HTTP status.",
            labels=("interaction", "status"),
        )
        for (interaction, status), number in self._requests.items():
            requests.add_metric((interaction, str(status)), number)
        yield requests
        durations = HistogramMetricFamily(
            "xinglin_http_request_duration_seconds",
            "Time from the whole request received to its answer, by interaction.",
            labels=("interaction",),
        )
        for interaction, counts in self._durations.items():
            buckets, reached = [], 0
            for bound, number in zip((*map(str, _BOUNDS), "+Inf"), counts, strict=True):
                reached += number
                buckets.append((bound, reached))
            durations.add_metric((interaction,), buckets, self._seconds[interaction])
        yield durations

    def text(self) -> bytes:
        return generate_latest(self._registry)
