"""Vital signs and laboratory values that follow from body, age and illness.

Observation after the vital signs profile of FHIR R4 (observation-vitalsigns.html), and the
DiagnosticReport that gathers a laboratory's results.
"""

from __future__ import annotations

from collections.abc import Iterable

from xinglin.simulator.catalogue import LOINC, UCUM, Json, coded, concept, measures
from xinglin.simulator.district import doctors_at, organization, practitioner
from xinglin.simulator.life import Life, Visit, clock

VITAL_SIGNS = coded("observation-category", "vital-signs")
LABORATORY = coded("observation-category", "laboratory")
BLOOD_PRESSURE = concept(LOINC, "85354-9", "血压", "Blood pressure")
HEIGHT = concept(LOINC, "8302-2", "身高", "Body height")
WEIGHT = concept(LOINC, "29463-7", "体重", "Body weight")
BODY_MASS_INDEX = concept(LOINC, "39156-5", "体质指数", "Body mass index")
LABORATORY_REPORT = concept(LOINC, "11502-2", "检验报告", "Laboratory report")


def body(life: Life, visit: Visit) -> None:
    """Height, weight and the body mass index that follows from them."""
    height, weight = life.person.body(visit.day)
    weight = round(weight * (1 + 0.01 * _deviation(life)), 1)
    for code, value, unit in (
        (HEIGHT, height, "cm"),
        (WEIGHT, weight, "kg"),
        (BODY_MASS_INDEX, round(weight / (height / 100) ** 2, 1), "kg/m2"),
    ):
        _observe(life, visit, VITAL_SIGNS, code, {"valueQuantity": _quantity(value, unit)})


def blood_pressure(life: Life, visit: Visit) -> None:
    components = [
        {"code": _code(name), **_value(life, visit, name)} for name in ("systolic", "diastolic")
    ]
    _observe(life, visit, VITAL_SIGNS, BLOOD_PRESSURE, {"component": components})


def vital_signs(life: Life, visit: Visit, names: Iterable[str]) -> None:
    for name in names:
        _observe(life, visit, VITAL_SIGNS, _code(name), _value(life, visit, name))


def laboratory(life: Life, visit: Visit, names: Iterable[str]) -> None:
    """Results of one blood sample, and the report of the hospital's laboratory."""
    laboratory = organization("laboratory")
    signed = practitioner(life.chance.choice(doctors_at("laboratory")))
    results = [
        _observe(
            life,
            visit,
            LABORATORY,
            _code(name),
            {**_value(life, visit, name), "performer": [laboratory]},
        )
        for name in names
    ]
    life.chart.add(
        {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "category": [coded("v2-0074", "LAB")],
            "code": LABORATORY_REPORT,
            "subject": life.patient,
            "encounter": visit.encounter,
            "effectiveDateTime": clock(visit.day, visit.minute),
            "issued": clock(visit.day, visit.minute + 180),
            "performer": [laboratory],
            "resultsInterpreter": [signed],
            "result": results,
        }
    )


def _observe(life: Life, visit: Visit, category: Json, code: Json, value: Json) -> Json:
    return life.chart.add(
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [category],
            "code": code,
            "subject": life.patient,
            "encounter": visit.encounter,
            "effectiveDateTime": clock(visit.day, visit.minute),
            **value,
        }
    )


def _code(name: str) -> Json:
    measure = measures()[name]
    return concept(LOINC, measure.loinc, measure.zh, measure.en)


def _value(life: Life, visit: Visit, name: str) -> Json:
    """What this body gives that day: the usual, its own nature, age, illness, and chance."""
    measure = measures()[name]
    if name not in life.nature:
        life.nature[name] = _deviation(life)
    value = measure.usual + measure.per_year * life.person.age(visit.day)
    value += sum(measure.moved.get(illness, 0) for illness in visit.illnesses)
    value += measure.spread * (life.nature[name] + _deviation(life)) / 2
    value = round(min(value, measure.highest or value), measure.decimals)
    low, high = measure.normal
    return {
        "valueQuantity": _quantity(value if measure.decimals else int(value), measure.unit),
        "interpretation": [_interpretation("L" if value < low else "H" if value > high else "N")],
        "referenceRange": [
            {"low": _quantity(low, measure.unit), "high": _quantity(high, measure.unit)}
        ],
    }


def _deviation(life: Life) -> float:
    return max(-2.5, min(2.5, life.chance.gauss(0, 1)))


def _interpretation(code: str) -> Json:
    return coded("v3-ObservationInterpretation", code)


def _quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}
