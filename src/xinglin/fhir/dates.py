"""Dates and times as far as they are known (FHIR R4 datatypes date, dateTime, instant, time;
FHIRPath N1, sections 4.1.5 to 4.1.7, 6.2 and 6.6).

`2021` is a whole year, not the first of January. So a comparison may have no answer (None),
and a date in a search is a range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache

_DAY = 86_400
_ZONE = r"(?P<zone>Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?"
_SECOND = r"(?P<second>(?:[0-5]\d|60)(?:\.\d+)?)"
_CLOCK = rf"(?P<hour>[01]\d|2[0-3])(?::(?P<minute>[0-5]\d)(?::{_SECOND})?)?"
_CALENDAR = r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>[0-3]\d)"
_date_shape = re.compile(rf"{_CALENDAR})?)?", re.ASCII).fullmatch
_datetime_shape = re.compile(rf"{_CALENDAR}(?:T{_CLOCK}{_ZONE})?)?)?", re.ASCII).fullmatch
_time_shape = re.compile(_CLOCK, re.ASCII).fullmatch

# A place on the line of time: whole seconds, then a fraction below 1, or 1 for
# "just before the next second", the end of a value that is not exact.
_Point = tuple[int, Decimal]
_ZERO, _END = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Date:
    year: int
    month: int | None = None
    day: int | None = None

    @classmethod
    def parse(cls, text: str) -> Date:
        """`2015`, `2015-02` or `2015-02-04`.

        Raises:
            ValueError: it is not a date, or no such day exists.
        """
        if not (found := _date_shape(text)):
            raise ValueError(text)
        year, month, day = int(found["year"]), _number(found["month"]), _number(found["day"])
        _check_day(year, month, day)
        return cls(year, month, day)

    def __str__(self) -> str:
        return "-".join(_padded(self.year, self.month, self.day))


@dataclass(frozen=True, slots=True)
class DateTime:
    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: Decimal | None = None  # with its fraction, digits as written
    offset: int | None = None  # minutes east of UTC; None where no zone is given

    @classmethod
    def parse(cls, text: str) -> DateTime:
        """`2015` … `2015-02-04T14:34:28.123+10:00`; FHIRPath's hour alone is allowed.

        Raises:
            ValueError: it is not a date and time, or no such day exists.
        """
        if not (found := _datetime_shape(text)):
            raise ValueError(text)
        year, month, day = int(found["year"]), _number(found["month"]), _number(found["day"])
        _check_day(year, month, day)
        hour, minute = _number(found["hour"]), _number(found["minute"])
        second = Decimal(found["second"]) if found["second"] else None
        return cls(year, month, day, hour, minute, second, _offset(found["zone"]))

    @classmethod
    def of(cls, moment: datetime) -> DateTime:
        """An aware moment of the clock, in milliseconds."""
        shift = moment.utcoffset()
        second = Decimal(moment.second) + Decimal(moment.microsecond // 1000).scaleb(-3)
        return cls(
            *(moment.year, moment.month, moment.day, moment.hour, moment.minute),
            second=second.quantize(Decimal("0.001")),
            offset=None if shift is None else int(shift.total_seconds()) // 60,
        )

    def __str__(self) -> str:
        text = "-".join(_padded(self.year, self.month, self.day))
        if self.hour is None:
            return text
        return f"{text}T{_clock_text(self.hour, self.minute, self.second)}{self.zone}"

    @property
    def zone(self) -> str:
        if self.offset is None:
            return ""
        if self.offset == 0:
            return "Z"
        hours, minutes = divmod(abs(self.offset), 60)
        return f"{'-' if self.offset < 0 else '+'}{hours:02}:{minutes:02}"


@dataclass(frozen=True, slots=True)
class Time:
    hour: int
    minute: int | None = None
    second: Decimal | None = None

    @classmethod
    def parse(cls, text: str) -> Time:
        """`14`, `14:34` or `14:34:28.123`. Raises ValueError for anything else."""
        if not (found := _time_shape(text)):
            raise ValueError(text)
        second = Decimal(found["second"]) if found["second"] else None
        return cls(int(found["hour"]), _number(found["minute"]), second)

    def __str__(self) -> str:
        return _clock_text(self.hour, self.minute, self.second)


Temporal = Date | DateTime | Time


def compare(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1 as `left` is before, the same as, or after `right`; None where the precision
    or a missing zone leaves it open. A time never compares with a date (TypeError).

    Source:
        FHIRPath N1, 6.1.1 and 6.2: seconds and milliseconds are one precision.
    """
    if isinstance(left, Time) != isinstance(right, Time):
        raise TypeError
    # Any zone between -12:00 and +14:00 may be meant by a value that names none.
    loose = _offset_of(left) is None and _offset_of(right) is not None
    (first, last) = _span(left, loose)
    loose = _offset_of(right) is None and _offset_of(left) is not None
    (other_first, other_last) = _span(right, loose)
    if last < other_first:
        return -1
    if first > other_last:
        return 1
    return 0 if (first, last) == (other_first, other_last) else None


def _offset_of(value: Temporal) -> int | None:
    return value.offset if isinstance(value, DateTime) else None


def _span(value: Temporal, loose: bool) -> tuple[_Point, _Point]:
    """First and last moment that the value can mean."""
    if isinstance(value, Time):
        start, length = 0, _DAY
        clock: tuple[int | None, int | None, Decimal | None]
        clock = (value.hour, value.minute, value.second)
    else:
        start, length = _calendar_span(value.year, value.month, value.day)
        clock = (None, None, None)
        if isinstance(value, DateTime):
            clock = (value.hour, value.minute, value.second)
            start -= 60 * (value.offset or 0)
    hour, minute, second = clock
    if hour is not None:
        start, length = start + 3600 * hour, 3600
    if minute is not None:
        start, length = start + 60 * minute, 60
    first, last = (start, _ZERO), (start + length - 1, _END)
    if second is not None:
        whole = int(second)
        first = last = (start + whole, second - whole)
    if loose:
        first, last = (first[0] - 14 * 3600, first[1]), (last[0] + 12 * 3600, last[1])
    return first, last


def _calendar_span(year: int, month: int | None, day: int | None) -> tuple[int, int]:
    """Start in seconds (of no particular epoch) and length of a year, month or day."""
    start = date(year, month or 1, day or 1).toordinal()
    if day is not None:
        return start * _DAY, _DAY
    if month is not None:
        return start * _DAY, days_in_month(year, month) * _DAY
    return start * _DAY, (366 if days_in_month(year, 2) == 29 else 365) * _DAY


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _check_day(year: int, month: int | None, day: int | None) -> None:
    if year == 0 or (month and day is not None and not 1 <= day <= days_in_month(year, month)):
        raise ValueError((year, month, day))


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone == "Z":
        return 0
    minutes = 60 * int(zone[1:3]) + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _padded(year: int, month: int | None, day: int | None) -> list[str]:
    return [f"{year:04}"] + [f"{part:02}" for part in (month, day) if part is not None]


def _clock_text(hour: int, minute: int | None, second: Decimal | None) -> str:
    text = f"{hour:02}"
    if minute is not None:
        text += f":{minute:02}"
    if second is not None:
        text += f":{'0' if second < 10 else ''}{second:f}"
    return text


# Search: the range of milliseconds that a text means. Each part repeats often (birthdays, zones,
# whole seconds), so each is read once and remembered.

_EPOCH = date(1970, 1, 1).toordinal()
_minute_shape = re.compile(r"T([01]\d|2[0-3]):([0-5]\d)", re.ASCII).fullmatch
_tail_shape = re.compile(rf"(?::([0-5]\d|60)(?:\.(\d+))?)?{_ZONE}", re.ASCII).fullmatch


@lru_cache(maxsize=16_384)
def _calendar_ms(text: str) -> tuple[int, int]:
    found = Date.parse(text)
    start, length = _calendar_span(found.year, found.month, found.day)
    first = (start - _EPOCH * _DAY) * 1000
    return first, first + length * 1000 - 1


@lru_cache(maxsize=1_440)
def _minute_ms(text: str) -> int:
    if not (found := _minute_shape(text)):
        raise ValueError(text)
    return 3_600_000 * int(found[1]) + 60_000 * int(found[2])


@lru_cache(maxsize=16_384)
def _tail_ms(text: str) -> tuple[int, int]:
    """Seconds, fraction and zone: what they add, and the length less one."""
    if not (found := _tail_shape(text)):
        raise ValueError(text)
    first = -60_000 * (_offset(found["zone"]) or 0)
    second, fraction = found[1], found[2]
    if second is None:
        return first, 59_999
    first += 1000 * int(second)
    if fraction is None:
        return first, 999
    return first + int(f"{fraction}00"[:3]), (99, 9, 0)[min(len(fraction), 3) - 1]


def range_ms(text: str) -> tuple[int, int]:
    """First and last millisecond since 1970-01-01T00:00Z that a FHIR date, dateTime or
    instant can mean, both inclusive; UTC is assumed where no zone is given.

    Raises:
        ValueError: no such moment exists, or it is not written as FHIR writes it.

    Source:
        FHIR R4, Search, 3.1.1.5.4 (date).

    >>> range_ms("1970-01-01T00:00:01Z")
    (1000, 1999)
    """
    if len(text) <= 10:
        return _calendar_ms(text)
    shift, length = _tail_ms(text[16:])
    first = _calendar_ms(text[:10])[0] + _minute_ms(text[10:16]) + shift
    return first, first + length


# Arithmetic with calendar durations (FHIRPath N1, 6.6.7 and 6.6.8).

_FINER = ("year", "month", "day", "hour", "minute", "second")
_DOWN = {"month": 12, "day": 30, "hour": 24, "minute": 60, "second": 60}  # how many make one above
_ENDLESS = 10**15  # even of milliseconds, more than there are years
_SECONDS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def add(value: Temporal, amount: Decimal, unit: str) -> Temporal | None:
    """A date or time moved by so many years, months, weeks, days … milliseconds.

    Only whole units count. A unit finer than the value is first made coarser: 24 months
    added to `2014` are 2 years. None when the result is outside the years 1 to 9999.

    Raises:
        ValueError: a time of day has no such unit.
    """
    if abs(amount) >= _ENDLESS:
        return None
    whole = Decimal(int(amount))
    if unit == "week":
        whole, unit = whole * 7, "day"
    elif unit == "millisecond":
        whole, unit = whole.scaleb(-3), "second"
    try:
        if isinstance(value, Time):
            return _add_to_time(value, whole, unit)
        whole, unit = _coarsened(whole, unit, _finest(value))
        if unit in ("year", "month"):
            return _add_months(value, int(whole) * (12 if unit == "year" else 1))
        return _add_seconds(value, whole * _SECONDS[unit])
    except OverflowError:
        return None


def _finest(value: Date | DateTime) -> str:
    parts: tuple[object, ...] = (value.year, value.month, value.day)
    if isinstance(value, DateTime):
        parts += (value.hour, value.minute, value.second)
    return _FINER[sum(part is not None for part in parts) - 1]


def _coarsened(amount: Decimal, unit: str, finest: str) -> tuple[Decimal, str]:
    while _FINER.index(unit) > _FINER.index(finest):
        # 365 days make a year, though 12 months of 30 do not (N1, 6.6.7).
        if unit == "day" and finest == "year":
            return Decimal(int(amount / 365)), "year"
        amount = Decimal(int(amount / _DOWN[unit]))
        unit = _FINER[_FINER.index(unit) - 1]
    return amount, unit


def _add_months(value: Date | DateTime, months: int) -> Date | DateTime:
    year, month = divmod(value.year * 12 + (value.month or 1) - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    if value.month is None:
        return replace(value, year=year)
    month += 1
    day = value.day and min(value.day, days_in_month(year, month))
    return replace(value, year=year, month=month, day=day)


def _add_seconds(value: Date | DateTime, seconds: Decimal) -> Date | DateTime:
    """To a value that is known to the day at least."""
    start = date(value.year, value.month or 1, value.day or 1).toordinal()
    if isinstance(value, Date):
        moved = date.fromordinal(_ordinal(start + int(seconds / _DAY)))
        return Date(moved.year, moved.month, moved.day)
    clock = 3600 * (value.hour or 0) + 60 * (value.minute or 0)
    days, rest = _split(clock + (_ZERO if value.second is None else value.second) + seconds)
    moved = date.fromordinal(_ordinal(start + days))
    second = None if value.second is None else rest % 60
    return DateTime(
        *(moved.year, moved.month, moved.day),
        hour=None if value.hour is None else int(rest // 3600),
        minute=None if value.minute is None else int(rest // 60 % 60),
        second=second,
        offset=value.offset,
    )


def _add_to_time(value: Time, amount: Decimal, unit: str) -> Time:
    if unit not in ("hour", "minute", "second"):
        raise ValueError(unit)
    finest = "hour" if value.minute is None else "minute" if value.second is None else "second"
    amount, unit = _coarsened(amount, unit, finest)
    clock = (
        3600 * value.hour
        + 60 * (value.minute or 0)
        + (_ZERO if value.second is None else value.second)
    )
    _, rest = _split(clock + amount * _SECONDS[unit])
    return Time(
        int(rest // 3600),
        None if value.minute is None else int(rest // 60 % 60),
        None if value.second is None else rest % 60,
    )


def _split(seconds: Decimal) -> tuple[int, Decimal]:
    """Whole days, rounded down, and the seconds of the last one."""
    days = int(seconds.to_integral_value(ROUND_FLOOR)) // _DAY
    return days, seconds - days * _DAY


def _ordinal(day: int) -> int:
    if not 1 <= day <= date.max.toordinal():
        raise OverflowError
    return day
