"""Resources with what synthetic patients never have: units to convert, numbers at the edge of
their precision, dates of every precision, names of many scripts, signs that must be escaped."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.kit.oracle.corpus import Resource

UCUM = "http://unitsofmeasure.org"
NAMES = (
    "张伟",
    "Zhāng  Wěi",
    "MÜLLER",
    "Mueller",
    "Straße",
    "ﬁnn",
    "O'Neil, Jr.",
    "a|b",
    "c$d",
    "e\\f",
)
DATES = ("1980", "1980-02", "1980-02-29", "1980-12-31", "1981-01-01", "1979-12-31")
TIMES = (
    *DATES,
    "2020-02-29T23:59:59Z",
    "2020-03-01T00:00:00.000Z",
    "2020-03-01T00:00:00+14:00",
    "2020-02-29T12:00:00.500-12:00",
)
WEIGHTS = (("70", "kg"), ("70000", "g"), ("70.0", "kg"), ("7e7", "mg"), ("69999.5", "g"))
LENGTHS = (("180", "cm"), ("1.80", "m"), ("1800", "mm"), ("1.805", "m"), ("179.5", "cm"))
HEATS = (("37.0", "Cel"), ("310.15", "K"), ("310.2", "K"), ("36.95", "Cel"), ("-5", "Cel"))
CHANCES = ("0.5", "0.50", "0.45", "0.55", "0.499", "0", "1", "1e-2", "0.049999")
FACTORS = ("100", "99.5", "100.5", "99", "1e2", "-100", "100.49")


def additions() -> list[Resource]:
    """All of them have ids of their own, and belong to the first of these patients."""
    found = [*_people(), *_measured(), *_dated(), *_numbered(), *_defined()]
    items = [{"item": _other(f"{each['resourceType']}/{each['id']}")} for each in found[::3]]
    return [*found, _tagged("List", "odd", status="current", mode="working", entry=items)]


def _tagged(type: str, id: str, **members: Any) -> Resource:
    tag = {"system": "urn:oracle", "code": type.lower(), "display": f"Odd {type}"}
    meta = {"tag": [tag], "profile": [f"http://example.org/profile/{type}|1.0"]}
    return {"resourceType": type, "id": id, "meta": meta, **members}


def _subject(number: int = 0) -> Resource:
    return {"reference": f"Patient/odd-{number}"}


def _people() -> Iterator[Resource]:
    for number, name in enumerate(NAMES):
        doctor = {"generalPractitioner": [{"reference": "Practitioner/odd"}]}
        link = [{"other": _subject(number - 1), "type": "seealso"}]
        licence = {"text": "Führerschein", "coding": [{"system": "urn:types", "code": "DL"}]}
        yield _tagged(
            "Patient",
            f"odd-{number}",
            active=bool(number % 2),
            identifier=[
                {"system": "urn:x|y", "value": name, "type": licence},
                {"value": f"bare-{number}"},
                {"system": "urn:only-a-system"},
            ],
            name=[{"family": name, "given": ["Ann", name]}, {"text": f"{name} the {number}th"}],
            telecom=[{"system": "phone", "value": f"+86 10 {number}"}, {"system": "email"}],
            birthDate=DATES[number % len(DATES)],
            address=[{"city": f"Saint-É{number}", "line": ["1,2", "Rue d'Or"], "country": "FR"}],
            **(doctor if number % 3 else {}),
            **({"link": link} if number else {}),
        )
    yield _tagged("Practitioner", "odd", name=[{"family": "Dong", "given": ["奉"]}], active=True)


def _observation(id: str, code: str, **members: Any) -> Resource:
    concept = {"coding": [{"system": "urn:codes", "code": code, "display": f"Odd {code}"}]}
    return _tagged("Observation", id, status="final", code=concept, subject=_subject(), **members)


def _quantity(number: str, code: str) -> Resource:
    return {"value": Decimal(number), "unit": f"unit {code}", "system": UCUM, "code": code}


def _measured() -> Iterator[Resource]:
    kinds = {"weight": WEIGHTS, "length": LENGTHS, "heat": HEATS}
    for code, values in kinds.items():
        for number, value in enumerate(values):
            yield _observation(f"{code}-{number}", code, valueQuantity=_quantity(*value))
    yield _observation("no-unit", "weight", valueQuantity={"value": 70})
    yield _observation("only-unit", "weight", valueQuantity={"value": 70, "unit": "kg"})
    yield _observation(
        "foreign", "weight", valueQuantity=_quantity("70", "kg") | {"system": "urn:u"}
    )
    yield _observation("empty", "weight", valueQuantity={"unit": "kg", "comparator": "<"})
    parts = [
        {"code": {"coding": [{"system": "urn:codes", "code": code}]}, "valueQuantity": value}
        for code, value in (("a", _quantity("1", "kg")), ("b", _quantity("2", "g")))
    ]
    yield _observation(
        "parts", "panel", component=parts, hasMember=[_other("Observation/weight-0")]
    )
    yield _observation("words", "words", valueString="Größe, gemessen")
    yield _observation("mixed", "words", valueCodeableConcept={"text": "only a text"})


def _other(reference: str) -> Resource:
    return {"reference": reference}


def _dated() -> Iterator[Resource]:
    for number, time in enumerate(TIMES):
        yield _observation(f"date-{number}", "date", effectiveDateTime=time, valueDateTime=time)
        yield _observation(f"from-{number}", "date", effectivePeriod={"start": time})
        yield _observation(f"until-{number}", "date", effectivePeriod={"end": time})
    period = {"start": "1980-02", "end": "1980-02-29"}
    yield _observation("period", "date", effectivePeriod=period, valuePeriod=period)
    yield _observation("instant", "date", effectiveInstant="2020-02-29T23:59:59.999Z")


def _numbered() -> Iterator[Resource]:
    for number, chance in enumerate(CHANCES):
        prediction = [{"probabilityDecimal": Decimal(chance)}]
        yield _tagged(
            "RiskAssessment",
            f"risk-{number}",
            status="final",
            subject=_subject(number % len(NAMES)),
            prediction=prediction,
            occurrenceDateTime=TIMES[number],
        )
    for number, factor in enumerate(FACTORS):
        yield _tagged(
            "ChargeItem",
            f"charge-{number}",
            status="billable",
            code={"text": "fee"},
            subject=_subject(number),
            factorOverride=Decimal(factor),
            priceOverride={"value": Decimal(factor), "currency": ("CNY", "EUR")[number % 2]},
            quantity={"value": Decimal(factor)},
        )


def _defined() -> Iterator[Resource]:
    for number, tail in enumerate(("", "/a", "/a/b", "/ab", "/a/b/c")):
        yield _tagged(
            "ValueSet",
            f"set-{number}",
            status=("draft", "active")[number % 2],
            url=f"http://example.org/sets{tail}",
            version=f"1.{number}",
            title=NAMES[number],
            date=DATES[number],
            compose={"include": [{"system": f"http://example.org/codes{tail}"}]},
        )
