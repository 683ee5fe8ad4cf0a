"""Synthetic residents of a Chinese city district, and what care has recorded of them.

Nobody here lives: names, streets, numbers and illnesses are invented, and the frequencies are
plausible rather than true. Everything follows from seed, number and day alone, so that the
same call gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random

from xinglin.simulator.catalogue import Json, people, staffed
from xinglin.simulator.chart import Chart
from xinglin.simulator.district import address, district, doctors_at, organization, practitioner
from xinglin.simulator.illness import acute_illnesses, chronic_illnesses, hospital_stays
from xinglin.simulator.life import Life
from xinglin.simulator.people import invented, patient
from xinglin.simulator.prevention import (
    allergies,
    care_plans,
    check_ups,
    continuing_medicines,
    vaccinations,
)

# In the order in which later parts need the earlier: medicines need illnesses.
PARTS = (
    allergies,
    vaccinations,
    chronic_illnesses,
    check_ups,
    continuing_medicines,
    care_plans,
    acute_illnesses,
    hospital_stays,
)


def residents(seed: int, count: int, today: date) -> Iterator[Json]:
    """Transaction Bundles: that of the district first, then one for each resident.

    Args:
        today: the day of telling; what is told ends on the day before.
    """
    yield district()
    for number in range(count):
        yield resident(seed, number, today)


def resident(seed: int, number: int, today: date) -> Json:
    """The transaction Bundle of one resident, the Patient first."""
    chance = Random(f"{seed}/{number}")
    chart = Chart(f"{seed}/{number}")
    person = invented(chance, number, today)
    doctor = chance.choice(doctors_at(*(centre.id for centre in staffed().centre)))
    at = people().address
    home = f"{chance.choice(at.streets)}{chance.randint(1, 199)}号{chance.choice(at.estates)}"
    home += f"{chance.randint(1, 20)}幢{chance.randint(1, 18) * 100 + chance.randint(1, 4)}室"
    subject = chart.add(
        patient(person, address(home), practitioner(doctor), organization(doctor.works_at))
    )
    life = Life(person, today, subject, doctor, chart, chance)
    for part in PARTS:
        part(life)
    return chart.bundle()
