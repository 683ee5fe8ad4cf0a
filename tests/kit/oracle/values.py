"""What values are worth: dates as ranges of milliseconds, numbers with their precision, units.

FHIR R4, Search, 3.1.1.5 (prefixes, number, date, quantity) and UCUM.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
EVER = (-(10**18), 10**18)  # of a period without one of its ends

Moments = tuple[int, int]  # first and last millisecond

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@cache
def moments(text: str) -> Moments:
    """All the milliseconds that a date, dateTime or instant may mean; without zone, in UTC."""
    found = re.fullmatch(r"([0-9-]+)(?:T([0-9:.]+)(Z|[+-]\d\d:\d\d)?)?", text)
    assert found, text
    calendar = [int(part) for part in found[1].split("-")]
    if found[2] is None:
        return _ms(_start(calendar)), _ms(_after(calendar)) - 1
    clock = found[2].split(":")
    seconds = Decimal(clock[2] if len(clock) > 2 else 0)
    first = datetime(
        *(calendar[0], calendar[1], calendar[2], int(clock[0]), int(clock[1])),
        tzinfo=_zone(found[3]),
    )
    start = _ms(first) + int(seconds * 1000)
    if len(clock) == 2:
        return start, start + 59_999
    return start, start + (0 if "." in found[2] else 999)


def _start(calendar: list[int]) -> datetime:
    year, month, day = (*calendar, 1, 1)[:3]
    return datetime(year, month, day, tzinfo=UTC)


def _after(calendar: list[int]) -> datetime:
    """The start of the next year, month or day."""
    if len(calendar) == 1:
        return datetime(calendar[0] + 1, 1, 1, tzinfo=UTC)
    if len(calendar) == 2:
        months = calendar[0] * 12 + calendar[1]  # the next one, counted from zero
        return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    return _start(calendar) + timedelta(days=1)


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    assert text is not None
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


def split_prefix(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def date_holds(prefix: str, asked: Moments, held: Moments) -> bool:
    within = asked[0] <= held[0] and held[1] <= asked[1]
    greater, less = held[1] > asked[1], held[0] < asked[0]
    return {
        "eq": within,
        "ne": not within,
        "gt": greater,
        "lt": less,
        "ge": greater or within,
        "le": less or within,
        "sa": held[0] > asked[1],
        "eb": held[1] < asked[0],
        "ap": held[0] <= asked[1] and asked[0] <= held[1],
    }[prefix]


def about(asked: Moments, now: int) -> Moments:
    """What `ap` means: a tenth of the distance from now, at least the precision itself."""
    margin = max(abs(now - asked[0]) // 10, asked[1] - asked[0] + 1)
    return asked[0] - margin, asked[1] + margin


@dataclass(frozen=True)
class Unit:
    """What is measured, and how a number in this unit becomes one in the first of its kind."""

    kind: int
    factor: Decimal
    offset: Decimal = Decimal(0)

    def plain(self, number: Decimal) -> Decimal:
        return number * self.factor + self.offset


ONE = Unit(-1, Decimal(1))


def number_holds(prefix: str, text: str, held: Decimal, unit: Unit = ONE) -> bool:
    """`text`, in `unit`, is compared by its digits: 100 is 99.5 to 100.5; `held` is plain."""
    asked = Decimal(text)
    exponent = asked.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Decimal(5).scaleb(exponent - 1)
    tenth = max(abs(asked) / 10, half)
    middle = unit.plain(asked)
    within = unit.plain(asked - half) <= held < unit.plain(asked + half)
    return {
        "eq": within,
        "ne": not within,
        "gt": held > middle,
        "sa": held > middle,
        "lt": held < middle,
        "eb": held < middle,
        "ge": held >= middle,
        "le": held <= middle,
        "ap": unit.plain(asked - tenth) <= held <= unit.plain(asked + tenth),
    }[prefix]


# Units that can be converted into one another.
_MASS = {"g": "1", "kg": "1000", "mg": "0.001", "ug": "0.000001", "pg": "1e-12"}
_LENGTH = {"m": "1", "cm": "0.01", "mm": "0.001"}
_DENSITY = {"g/L": "1", "g/dL": "10", "mg/dL": "0.01", "mg/L": "0.001", "ng/mL": "1e-6"}
_DENSITY |= {"pg/mL": "1e-9", "ug/L": "1e-6", "ug/mL": "0.001", "kg/m3": "1"}
_PURE = {"1": "1", "%": "0.01", "mg/g": "0.001", "{score}": "1", "{INR}": "1"}
_PURE |= {"{T-score}": "1", "{nominal}": "1"}
_MOLE = Decimal("6.02214076e23")  # of particles, which 10*3/uL counts as well
_AMOUNT = {"mmol/L": _MOLE / 1000, "mol/L": _MOLE, "umol/L": _MOLE / 1_000_000}
_AMOUNT |= {"10*3/uL": Decimal("1e9"), "10*6/uL": Decimal("1e12")}
_TIME = {"s": "1", "min": "60", "h": "3600", "d": "86400"}
_RATE = {"/s": "1", "/min": "0.01666666666666666666666666667"}
_FLOW = {"mL/min": "1", "mL/min/{1.73_m2}": "1", "L/min": "1000"}
_VOLUME = {"L": "1", "mL": "0.001", "fL": "1e-15"}
_PRESSURE = {"Pa": "1", "kPa": "1000", "mm[Hg]": "133.322"}
_ACTIVITY = {"U/L": "1", "kU/L": "1000"}
_BURDEN = {"kg/m2": "1", "g/m2": "0.001", "g/cm2": "10"}
_SCALES: list[Mapping[str, str | Decimal]] = [_MASS, _LENGTH, _DENSITY, _PURE, _AMOUNT, _TIME]
_SCALES += [_RATE, _FLOW, _VOLUME, _PRESSURE, _ACTIVITY, _BURDEN]
UNITS = {
    code: Unit(kind, Decimal(factor))
    for kind, scale in enumerate(_SCALES)
    for code, factor in scale.items()
}
UNITS["K"] = Unit(len(_SCALES), Decimal(1))
UNITS["Cel"] = Unit(len(_SCALES), Decimal(1), Decimal("273.15"))


@cache
def normal(text: str) -> str:
    """Without case, accents and surplus white space."""
    for _ in range(3):  # folding may compose anew what decomposition took apart
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return " ".join(text.split())
