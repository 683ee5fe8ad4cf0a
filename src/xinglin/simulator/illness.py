"""What a resident has suffered: chronic illnesses, acute ones, and stays in hospital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from xinglin.simulator.catalogue import Acute, care, measures
from xinglin.simulator.district import doctors_at
from xinglin.simulator.encounters import condition, inpatient, outpatient, prescribe
from xinglin.simulator.life import Illness, Life
from xinglin.simulator.measuring import blood_pressure, laboratory, vital_signs

REMEMBERED = timedelta(days=3 * 365)  # how far back acute illnesses are on record
FEVERISH = set(measures()["temperature"].moved)
RECOVERS = 4  # days until treatment in hospital shows


def chronic_illnesses(life: Life) -> None:
    """Conditions that stay, each since an age at which it usually begins."""
    for name, illness in care().chronic.items():
        # Drawn whether or not it comes true, so that one more row changes nobody's other luck.
        comes, years = life.chance.random() < illness.share, life.chance.uniform(*illness.onset)
        began = life.person.born + timedelta(days=int(years * 365.25))
        if comes and began < life.today:
            found = condition(life, illness, began, None, "problem-list-item")
            life.chronic[name] = Illness(began, found)


def acute_illnesses(life: Life) -> None:
    """Up to three illnesses of the last years, seen by the doctor nearby."""
    for _ in range(life.chance.randint(0, 3)):
        day = _day(life)
        doctor = life.doctor
        if life.person.age(day) < 14:
            doctor = life.chance.choice(doctors_at("paediatrics"))
        name = _name(life, care().acute, day)
        illness = care().acute[name]
        recovered = day + timedelta(days=illness.days)
        ended = recovered if recovered < life.today else None
        found = condition(life, illness, day, ended, "encounter-diagnosis")
        visit = outpatient(life, doctor, day, [found])
        if name in FEVERISH:
            vital_signs(life, replace(visit, illnesses={name}), ["temperature"])
        prescribe(life, visit, illness.medicines, found, recovered)


def hospital_stays(life: Life) -> None:
    """One stay, if any: the older, the likelier."""
    if life.chance.random() > 0.04 + life.person.age(life.today) / 400:
        return
    day = _day(life)
    name = _name(life, care().stay, day)
    illness = care().stay[name]
    left = day + timedelta(days=illness.days)
    if left >= life.today:
        return
    ward = "respiratory" if name == "pneumonia" else "surgery"
    doctor = life.chance.choice(doctors_at(ward))
    found = condition(life, illness, day, left, "encounter-diagnosis")
    admission = inpatient(life, doctor, day, left, [found])
    for offset in range(0, illness.days, 2):
        suffered = {*admission.illnesses, *({name} if offset < RECOVERS else ())}
        on = replace(admission, day=day + timedelta(days=offset), illnesses=suffered)
        vital_signs(life, on, ["temperature", "heart-rate", "oxygen-saturation"])
        blood_pressure(life, on)
    laboratory(life, admission, ["creatinine", "glucose"])
    prescribe(life, admission, illness.medicines, found, left)


def _day(life: Life) -> date:
    first = max(life.person.born, life.today - REMEMBERED)
    return life.day_between(first, life.today - timedelta(days=1))


def _name(life: Life, illnesses: Mapping[str, Acute], day: date) -> str:
    age = life.person.age(day)
    possible = {
        name: illness.weight
        for name, illness in illnesses.items()
        if illness.ages[0] <= age <= illness.ages[1]
    }
    return life.chance.choices(list(possible), list(possible.values()))[0]
