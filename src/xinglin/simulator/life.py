"""One resident while his record is told: who, with which illnesses, seen by whom.

All parts of a record are told by functions that take a `Life` and add to its chart. Chance is
part of it, so that a life is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from xinglin.simulator.catalogue import Doctor, Json
from xinglin.simulator.chart import Chart
from xinglin.simulator.people import Person


@dataclass(frozen=True, slots=True)
class Illness:
    """A chronic illness of this resident: since when, and the Reference to its Condition."""

    began: date
    condition: Json


@dataclass(frozen=True, slots=True)
class Visit:
    """A meeting with a doctor, in which things are measured, found and prescribed."""

    encounter: Json  # Reference
    doctor: Doctor
    day: date
    minute: int  # after the doors open
    illnesses: Collection[str]  # what the body suffers from that day, by name in the tables


@dataclass(frozen=True, slots=True)
class Life:
    person: Person
    today: date
    patient: Json  # Reference
    doctor: Doctor  # the general practitioner
    chart: Chart
    chance: Random
    # How this body differs from the usual one, in standard deviations, by name of the measure.
    nature: dict[str, float] = field(default_factory=dict)
    chronic: dict[str, Illness] = field(default_factory=dict)

    def day_between(self, first: date, last: date) -> date:
        """A working day; the day before where chance has chosen a weekend."""
        day = first + timedelta(days=self.chance.randint(0, max((last - first).days, 0)))
        return max(day - timedelta(days=max(day.weekday() - 4, 0)), self.person.born)

    def suffers(self, day: date) -> Mapping[str, Illness]:
        """The chronic illnesses that had begun by that day."""
        return {name: illness for name, illness in self.chronic.items() if illness.began <= day}


def clock(day: date, minute: int) -> str:
    """A dateTime in China, `minute` minutes after the doors open at eight."""
    hour, past = divmod(8 * 60 + minute, 60)
    return f"{day.isoformat()}T{hour:02}:{past:02}:00+08:00"
