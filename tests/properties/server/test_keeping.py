"""Which of any number of backups are kept, and when the next is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from xinglin.server.backups.keeping import moment_of, name_of, newest, seconds, superfluous, wait

DAY = 86_400
START = 1_780_000_000
END = (START + 100 * DAY) * 1_000_000

times = st.sets(st.integers(START, START + 100 * DAY), max_size=60)
others = st.sampled_from(
    ("notes.txt", "xinglin-20260101T000000Z.backup.x.part", "xinglin-20261399T000000Z.backup")
)


def named(moments: set[int]) -> list[str]:
    return [name_of(each * 1_000_000) for each in moments]


def monday(name: str) -> datetime:
    moment = moment_of(name)
    assert moment is not None
    return (moment - timedelta(days=moment.weekday())).replace(hour=0, minute=0, second=0)


@given(
    moments=times,
    to_come=times,
    more=st.sets(others),
    keep=st.integers(1, 10),
    weeks=st.integers(0, 6),
)
def test_the_newest_are_kept_and_the_newest_of_each_week(
    moments: set[int], to_come: set[int], more: set[str], keep: int, weeks: int
) -> None:
    names = named(moments)
    later = named({each + 101 * DAY for each in to_come})
    gone = set(superfluous([*names, *more, *later], keep, weeks, END))
    assert newest([*names, *more, *later], END) == max(names, default=None)
    assert gone <= set(names)
    newest_first = sorted(names, reverse=True)
    mondays = sorted({monday(name) for name in names}, reverse=True)[:weeks]
    wanted = set(newest_first[:keep])
    for start in mondays:
        wanted.add(max(name for name in names if monday(name) == start))
    assert set(names) - gone == wanted


@given(moments=times, keep=st.integers(1, 10), weeks=st.integers(0, 6))
def test_to_remove_them_again_removes_nothing(moments: set[int], keep: int, weeks: int) -> None:
    names = set(named(moments))
    names -= set(superfluous(names, keep, weeks, END))
    assert superfluous(names, keep, weeks, END) == []


def test_made_every_day_there_are_a_week_of_days_and_a_month_of_weeks() -> None:
    names: set[str] = set()
    for day in range(100):
        now = (START + day * DAY) * 1_000_000
        names.add(name_of(now))
        names -= set(superfluous(names, keep=7, weeks=5, now=now))
    ages = sorted((START + 99 * DAY - _second(name)) // DAY for name in names)
    assert ages[:7] == list(range(7))
    assert 22 <= ages[-1] <= 28
    assert len(ages) in (10, 11)


@given(moments=times, now=st.integers(START, START + 100 * DAY), every=st.integers(60, 9 * DAY))
def test_the_next_is_due_when_the_last_is_old_enough(
    moments: set[int], now: int, every: int
) -> None:
    remaining = wait(named(moments), every, now * 1_000_000)
    past = [each for each in moments if each <= now]
    if not past:
        assert remaining == 0
    else:
        assert remaining == max(0, max(past) + every - now)


def test_an_interval_is_minutes_hours_or_days() -> None:
    assert [seconds(each) for each in ("1m", "24h", "7d")] == [60, DAY, 7 * DAY]


def _second(name: str) -> int:
    moment = moment_of(name)
    assert moment is not None
    return int(moment.timestamp())
