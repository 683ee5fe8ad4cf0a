"""Dates: ranges against Python's own calendar, order, arithmetic, and what is no date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.dates import Date, DateTime, Temporal, Time, add, compare, range_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-12-31"), timezones=offsets
)


def ms(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


@given(moments)
def test_an_instant_is_one_millisecond(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds")
    exact = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert range_ms(text) == (ms(exact), ms(exact))


@given(moments)
def test_a_second_lasts_a_second_and_a_minute_a_minute(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert range_ms(whole.isoformat(timespec="seconds")) == (ms(whole), ms(whole) + 999)
    minute = whole.replace(second=0)
    assert range_ms(minute.isoformat(timespec="minutes")) == (ms(minute), ms(minute) + 59_999)


@given(st.dates(date(1, 1, 1), date(9998, 12, 31)))
def test_a_date_lasts_until_the_next_begins(day: date) -> None:
    def start(year: int, month: int, day: int) -> int:
        return ms(datetime(year, month, day, tzinfo=UTC))

    following = day + timedelta(days=1)
    assert range_ms(day.isoformat()) == (
        start(day.year, day.month, day.day),
        start(following.year, following.month, following.day) - 1,
    )
    year, month = divmod(day.year * 12 + day.month, 12)
    assert range_ms(f"{day:%Y-%m}".zfill(7)) == (
        start(day.year, day.month, 1),
        start(year, month + 1, 1) - 1,
    )
    assert range_ms(f"{day.year:04}") == (start(day.year, 1, 1), start(day.year + 1, 1, 1) - 1)


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("2021-02-03T10:11:12.1Z", 100),
        ("2021-02-03T10:11:12.12Z", 10),
        ("2021-02-03T10:11:12.1239Z", 1),
        ("2021-02-03T10:11Z", 60_000),
    ],
)
def test_a_fraction_lasts_as_long_as_its_last_digit(text: str, lasts: int) -> None:
    first, last = range_ms(text)
    assert last - first + 1 == lasts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000",
        "0000-01-01",
        "21",
        "2021-13",
        "2021-00",
        "2021-02-29",
        "1900-02-29",
        "2021-04-31",
        "2021-1-1",
        "2021-01-32",
        "2021-01-00",
        "20210101",
        "2021-01-01T24:00:00Z",
        "２０２１",
        "2021-01-01T10Z",
        "2021-01-01T10:60:00Z",
        "2021-01-01T10:00:61Z",
        "2021-01-01T10:00:00z",
        "2021-01-01T10:00:00+15:00",
        "2021-01-01T10:00:00+14:01",
        "2021-01-01T10:00:00.Z",
        "2021-01-01 10:00:00Z",
        "2021-01-01T10:00:00Z ",
        "2021-01-01T",
        "2021-01T10:00:00Z",
        "-2021",
        "2021-01-01T10:00:00Z\n",
        "2021-01-01\n",
        "10000-01-01",
    ],
)
def test_what_is_no_date_has_no_range(text: str) -> None:
    with pytest.raises(ValueError):
        range_ms(text)


@given(st.text("0123456789-T:.Z+", max_size=30))
def test_a_range_is_given_or_refused_and_never_runs_backwards(text: str) -> None:
    try:
        first, last = range_ms(text)
    except ValueError:
        return
    assert first <= last


@given(moments)
def test_a_parsed_moment_prints_as_it_was_written(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert str(DateTime.parse(text)) == text
    assert str(DateTime.of(moment)) == text
    assert str(Date.parse(text[:10])) == text[:10]
    assert str(Time.parse(text[11:23])) == text[11:23]


@given(moments, moments)
def test_exact_moments_are_ordered_as_in_utc(left: datetime, right: datetime) -> None:
    left, right = left.replace(microsecond=0), right.replace(microsecond=0)
    expected = (left > right) - (left < right)
    one, other = (DateTime.parse(moment.isoformat()) for moment in (left, right))
    assert compare(one, other) == expected


@given(moments)
def test_a_moment_is_neither_before_nor_after_its_own_day(moment: datetime) -> None:
    local = moment.replace(tzinfo=None, microsecond=0)
    exact = DateTime.parse(local.isoformat())
    assert compare(exact, Date(local.year, local.month, local.day)) is None
    assert compare(Date(local.year), exact) is None
    assert compare(Date(local.year + 1), exact) == 1


def test_without_a_zone_only_what_no_zone_can_change_is_known() -> None:
    noon = DateTime.parse("2020-06-01T12:00:00Z")
    assert compare(DateTime.parse("2020-06-01T12:00:00"), noon) is None
    assert compare(DateTime.parse("2020-06-03T12:00:00"), noon) == 1
    assert compare(DateTime.parse("2020-05-30T12:00:00"), noon) == -1


def test_a_time_is_no_date() -> None:
    with pytest.raises(TypeError):
        compare(Time(12), Date(2020))


@given(st.dates(date(1000, 1, 1), date(3000, 1, 1)), st.integers(-100_000, 100_000))
def test_days_are_added_as_python_adds_them(day: date, days: int) -> None:
    moved = day + timedelta(days=days)
    expected = Date(moved.year, moved.month, moved.day)
    assert add(Date(day.year, day.month, day.day), Decimal(days), "day") == expected


@given(moments, st.integers(-(10**9), 10**9))
def test_seconds_are_added_as_python_adds_them(moment: datetime, seconds: int) -> None:
    moment = moment.replace(year=2000 + moment.year % 100, day=1, microsecond=0)
    moved = add(DateTime.parse(moment.isoformat()), Decimal(seconds), "second")
    assert moved == DateTime.parse((moment + timedelta(seconds=seconds)).isoformat())


@given(st.times(), st.integers(-(10**7), 10**7))
def test_a_time_of_day_goes_round(time: object, minutes: int) -> None:
    start = Time.parse(str(time)[:5])
    there = add(start, Decimal(minutes), "minute")
    assert there is not None
    assert add(there, Decimal(-minutes), "minute") == start


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        (Date(2020, 1, 31), "1", "month", Date(2020, 2, 29)),
        (Date(2020, 2, 29), "1", "year", Date(2021, 2, 28)),
        (Date(2020), "24", "month", Date(2022)),
        (Date(2020), "729", "day", Date(2021)),
        (Date(2020, 5), "29", "day", Date(2020, 5)),
        (Date(2020, 5, 1), "36", "hour", Date(2020, 5, 2)),
        (Date(2020, 5, 1), "7.7", "day", Date(2020, 5, 8)),
        (Date(2020, 5, 1), "-1", "week", Date(2020, 4, 24)),
        (Date(9999, 12, 31), "1", "day", None),
        (Date(1), "-1", "year", None),
        (Date(2020), "1E+99", "millisecond", None),
        (Time(23, 30), "45", "minute", Time(0, 15)),
    ],
)
def test_durations_follow_the_calendar(
    start: Temporal, amount: str, unit: str, end: Temporal | None
) -> None:
    assert add(start, Decimal(amount), unit) == end


@pytest.mark.parametrize("unit", ["year", "month", "week", "day"])
def test_a_time_of_day_knows_no_days(unit: str) -> None:
    with pytest.raises(ValueError):
        add(Time(12), Decimal(1), unit)
