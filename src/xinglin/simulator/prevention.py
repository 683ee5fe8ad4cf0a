"""What keeps a resident well: check-ups and follow-ups, vaccines, known allergies, plans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from xinglin.simulator.catalogue import CVX, Allergy, Vaccine, care, coded, concept, translated
from xinglin.simulator.district import organization, practitioner
from xinglin.simulator.encounters import outpatient, prescribe
from xinglin.simulator.life import Life
from xinglin.simulator.measuring import blood_pressure, body, laboratory, vital_signs

FOLLOWED = timedelta(days=2 * 365)  # how far back check-ups are on record
GROWN_UP = 12  # years of age; younger, only height and weight are measured
SCREENED = 35  # years of age from which the healthy give a blood sample


def check_ups(life: Life) -> None:
    """Once a year for the healthy, twice for the chronically ill; medicines at the last one."""
    apart = timedelta(days=182 if life.chronic else 365)
    first = max(life.person.born, life.today - FOLLOWED)
    begins = [first + apart * place for place in range(int(FOLLOWED / apart))]
    for place, begin in enumerate(begins):
        end = min(begin + apart / 3, life.today - timedelta(days=1))
        if begin > end:
            return
        yearly = not life.chronic or place % 2 == 0
        _check_up(life, life.day_between(begin, end), bloods=yearly)


def continuing_medicines(life: Life) -> None:
    """What is taken against each chronic illness, as last renewed."""
    for name, illness in life.chronic.items():
        told = care().chronic[name]
        taken = told.medicines[: life.chance.randint(1, len(told.medicines))]
        earliest = max(illness.began, life.today - timedelta(days=90))
        day = life.day_between(earliest, life.today - timedelta(days=1))
        day = max(day, illness.began)
        visit = outpatient(life, life.doctor, day, [illness.condition])
        prescribe(life, visit, taken, illness.condition, until=None)


def care_plans(life: Life) -> None:
    """The health centre's plan for each chronic illness that has one."""
    for name, illness in life.chronic.items():
        told = care().chronic[name]
        if told.plan_zh is None or told.plan_en is None:
            continue
        life.chart.add(
            {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "title": told.plan_zh,
                "_title": translated(told.plan_en),
                "subject": life.patient,
                "period": {"start": illness.began.isoformat()},
                "author": practitioner(life.doctor),
                "addresses": [illness.condition],
                "activity": [
                    {
                        "detail": {
                            "kind": "Appointment",
                            "status": "in-progress",
                            "description": "每半年随访一次",
                            "_description": translated("Follow-up every six months"),
                        }
                    }
                ],
            }
        )


def vaccinations(life: Life) -> None:
    """The vaccines of childhood for those born since 1978, and those of old age."""
    for vaccine in care().vaccine.values():
        for day in _days(life, vaccine):
            life.chart.add(
                {
                    "resourceType": "Immunization",
                    "status": "completed",
                    "vaccineCode": concept(CVX, vaccine.cvx, vaccine.zh, vaccine.en),
                    "patient": life.patient,
                    "occurrenceDateTime": day.isoformat(),
                    "primarySource": True,
                    "lotNumber": f"{day:%Y%m}{life.chance.randint(1, 40):02}",
                    "performer": [{"actor": organization(life.doctor.works_at)}],
                }
            )


def allergies(life: Life) -> None:
    """One resident in seven is known to be allergic to something."""
    if life.chance.random() < 1 / 7:
        _allergy(life, life.chance.choice(list(care().allergy.values())))


def _check_up(life: Life, day: date, *, bloods: bool) -> None:
    illnesses = life.suffers(day)
    visit = outpatient(life, life.doctor, day, [ill.condition for ill in illnesses.values()])
    body(life, visit)
    if life.person.age(day) < GROWN_UP:
        return
    blood_pressure(life, visit)
    wanted = [name for illness in illnesses for name in care().chronic[illness].measured]
    signs = {"heart-rate", *(name for name in wanted if name == "oxygen-saturation")}
    vital_signs(life, visit, sorted(signs))
    tests = dict.fromkeys(name for name in wanted if name not in signs)
    if life.person.age(day) >= SCREENED:
        tests |= dict.fromkeys(("glucose", "cholesterol"))
    if bloods and tests:
        laboratory(life, visit, tests)


def _days(life: Life, vaccine: Vaccine) -> Iterator[date]:
    born, yesterday = life.person.born, life.today - timedelta(days=1)
    if vaccine.yearly_from is not None:
        for year in range(life.today.year - 4, life.today.year + 1):
            day = date(year, 10, 8) + timedelta(days=life.chance.randint(0, 40))
            willing = life.chance.random() < 0.6
            if willing and day <= yesterday and life.person.age(day) >= vaccine.yearly_from:
                yield day
    for month in vaccine.months:
        day = born + timedelta(days=int(month * 30.44) + life.chance.randint(0, 6))
        # 1978: the year China's programme of planned immunisation began.
        if day <= yesterday and day.year >= 1978:
            yield day


def _allergy(life: Life, allergy: Allergy) -> None:
    known = life.day_between(life.person.born, life.today - timedelta(days=1))
    life.chart.add(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": coded("allergyintolerance-clinical", "active"),
            "verificationStatus": coded("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [allergy.category],
            "criticality": "low",
            "code": {"text": allergy.zh, "_text": translated(allergy.en)},
            "patient": life.patient,
            "recordedDate": known.isoformat(),
            "reaction": [
                {
                    "manifestation": [
                        {"text": allergy.reaction_zh, "_text": translated(allergy.reaction_en)}
                    ]
                }
            ],
        }
    )
