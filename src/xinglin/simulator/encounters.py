"""Meetings with care: the Encounter, what was prescribed, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from xinglin.simulator.catalogue import (
    ATC,
    ICD_10,
    TERMINOLOGY,
    UCUM,
    Acute,
    Chronic,
    Doctor,
    Json,
    Medicine,
    care,
    coded,
    concept,
)
from xinglin.simulator.district import location, organization, practitioner
from xinglin.simulator.life import Life, Visit, clock

ADULT = 14  # years of age; the doses in the table are for adults
AMBULATORY = {"system": f"{TERMINOLOGY}v3-ActCode", "code": "AMB"}
INPATIENT = {"system": f"{TERMINOLOGY}v3-ActCode", "code": "IMP"}


def outpatient(life: Life, doctor: Doctor, day: date, reasons: list[Json]) -> Visit:
    """A visit of twenty minutes at the doctor's place."""
    minute = life.chance.randrange(0, 480, 5)
    period = {"start": clock(day, minute), "end": clock(day, minute + 20)}
    met = _encounter(life, doctor, AMBULATORY, period, reasons)
    return Visit(met, doctor, day, minute + 5, set(life.suffers(day)))


def inpatient(life: Life, doctor: Doctor, day: date, left: date, reasons: list[Json]) -> Visit:
    """A stay in hospital until the day of leaving; the Visit is the first morning's."""
    period = {"start": clock(day, 90), "end": clock(left, 150)}
    met = _encounter(life, doctor, INPATIENT, period, reasons)
    return Visit(met, doctor, day, 100, set(life.suffers(day)))


def condition(
    life: Life, illness: Acute | Chronic, began: date, ended: date | None, kind: str
) -> Json:
    """A Condition; `kind` is `problem-list-item` or `encounter-diagnosis`."""
    resource: Json = {
        "resourceType": "Condition",
        "clinicalStatus": coded("condition-clinical", "resolved" if ended else "active"),
        "verificationStatus": coded("condition-ver-status", "confirmed"),
        "category": [coded("condition-category", kind)],
        "code": concept(ICD_10, illness.icd10, illness.zh, illness.en),
        "subject": life.patient,
        "onsetDateTime": began.isoformat(),
        "recordedDate": began.isoformat(),
        "recorder": practitioner(life.doctor),
    }
    if ended:
        resource["abatementDateTime"] = ended.isoformat()
    return life.chart.add(resource)


def prescribe(
    life: Life, visit: Visit, names: Iterable[str], reason: Json, until: date | None
) -> None:
    """A MedicationRequest for each medicine, taken until a day or, with None, for good."""
    adult = life.person.age(visit.day) >= ADULT
    status = "active" if until is None or until >= life.today else "completed"
    for name in names:
        medicine = care().medicine[name]
        life.chart.add(
            {
                "resourceType": "MedicationRequest",
                "status": status,
                "intent": "order",
                "medicationCodeableConcept": concept(ATC, medicine.atc, medicine.zh, medicine.en),
                "subject": life.patient,
                "encounter": visit.encounter,
                "authoredOn": visit.day.isoformat(),
                "requester": practitioner(visit.doctor),
                "reasonReference": [reason],
                "dosageInstruction": [_dosage(medicine, adult)],
            }
        )


def _dosage(medicine: Medicine, adult: bool) -> Json:
    times, unit = medicine.times, medicine.unit
    timing = {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}
    if not adult:
        return {"text": f"每日{times}次，剂量按体重计算", "timing": timing}
    dose = {"value": medicine.dose, "unit": unit, "system": UCUM, "code": unit}
    text = f"每日{times}次，每次{medicine.dose:g} {unit}"
    return {"text": text, "timing": timing, "doseAndRate": [{"doseQuantity": dose}]}


def _encounter(life: Life, doctor: Doctor, kind: Json, period: Json, reasons: list[Json]) -> Json:
    resource: Json = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": kind,
        "subject": life.patient,
        "participant": [{"individual": practitioner(doctor)}],
        "period": period,
        "location": [{"location": location(doctor.works_at)}],
        "serviceProvider": organization(doctor.works_at),
    }
    if reasons:
        resource["reasonReference"] = reasons
    return life.chart.add(resource)
