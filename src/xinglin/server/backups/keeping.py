"""Which backups there ought to be: their names, when the next is due, and which have had their
time. The names say all, so a restart changes nothing.

Kept are the newest, as many as are asked for, and besides the newest of each calendar week (ISO
8601, UTC), for as many of the latest weeks that have one as are asked for.

One of a time to come was made when the clock was wrong. It says nothing: it is not the newest,
none makes way for it, and it stays until its time has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

_FORMAT: Final = "xinglin-%Y%m%dT%H%M%SZ.backup"
_NAME: Final = re.compile(r"xinglin-\d{8}T\d{6}Z\.backup")
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}

PARTS: Final = "xinglin-*Z.backup.*.part"  # of backups that are under way, or came to nothing


def seconds(interval: str) -> int:
    """
    >>> seconds("90m"), seconds("24h"), seconds("7d")
    (5400, 86400, 604800)
    """
    return int(interval[:-1]) * _SECONDS[interval[-1]]


def name_of(t: int) -> str:
    """The file of a backup that is made at this microsecond.

    >>> name_of(1_795_312_800_000_000)
    'xinglin-20261122T020000Z.backup'
    """
    return datetime.fromtimestamp(t // 1_000_000, UTC).strftime(_FORMAT)


def moment_of(name: str) -> datetime | None:
    """When a backup was made; None of any other file."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def newest(names: Iterable[str], now: int) -> str | None:
    return max((name for _, name in _until(now, names)), default=None)


def wait(names: Iterable[str], every: int, now: int) -> float:
    """Seconds until the next is due; 0 when it is.

    Args:
        every: seconds from one to the next.
        now: µs since 1970-01-01T00:00Z.
    """
    last = max((moment.timestamp() for moment, _ in _until(now, names)), default=None)
    return 0 if last is None else max(0, last + every - now / 1_000_000)


def superfluous(names: Iterable[str], keep: int, weeks: int, now: int) -> list[str]:
    """Those to be removed. What is no backup is none of them."""
    known = sorted(_until(now, names), reverse=True)
    of_weeks: dict[tuple[int, int], str] = {}
    for moment, name in known:
        of_weeks.setdefault(moment.isocalendar()[:2], name)
    kept = {name for _, name in known[:keep]} | set(list(of_weeks.values())[:weeks])
    return [name for _, name in known if name not in kept]


def _until(now: int, names: Iterable[str]) -> Iterator[tuple[datetime, str]]:
    """The backups among them that were made until then."""
    for name in names:
        moment = moment_of(name)
        if moment is not None and moment.timestamp() <= now / 1_000_000:
            yield moment, name
