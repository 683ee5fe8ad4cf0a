"""The latest backup, as Prometheus reads it: an alarm is due when it grows old.

It is looked up in the folder, so every server tells the same, whoever made it, also after a
restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from xinglin.server.backups.keeping import moment_of, newest


class _Latest(Collector):
    def __init__(self, folder: Path, now: int) -> None:
        self._folder = folder
        self._now = now

    def collect(self) -> Iterator[Metric]:
        moments = GaugeMetricFamily(
            "xinglin_backup_last_success_timestamp_seconds", "When the latest backup was begun."
        )
        sizes = GaugeMetricFamily("xinglin_backup_last_size_bytes", "Its size.")
        try:
            name = newest((each.name for each in self._folder.iterdir()), self._now)
            if name is not None and (moment := moment_of(name)) is not None:
                sizes.add_metric((), (self._folder / name).stat().st_size)
                moments.add_metric((), moment.timestamp())
        except OSError:  # then there is none that could be told of
            pass
        yield from (moments, sizes)


def latest(folder: Path, now: int) -> bytes:
    """In the text format 0.0.4. Reads the disk."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Latest(folder, now))
    return generate_latest(registry)
