"""One visit to a doctor in nine resources, from Patient to ExplanationOfBenefit: what the mix
of create, read, update and delete is made of. All of it is invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Ids = dict[str, str]  # by resource type, of what was created so far

TYPES = (
    *("Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation"),
    *("MedicationRequest", "Claim", "ExplanationOfBenefit"),
)

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_DAY = "2026-03-02"


def resources(number: int, ids: Ids) -> Iterator[Json]:
    """The nine, in the order in which one refers to the other.

    Args:
        number: tells one visit from another.
        ids: is read when the next one is asked for, so the caller adds the id of each.
    """
    yield _patient(number)
    yield {
        "resourceType": "Location",
        "status": "active",
        "name": f"Consulting room {number % 40 + 1}",
        "mode": "instance",
        "address": {"line": ["1 Apricot Street"], "city": "Xingzhou", "country": "CN"},
    }
    yield {
        "resourceType": "Organization",
        "active": True,
        "identifier": [{"system": "urn:example:organization", "value": f"O{number}"}],
        "type": [_concept("organization-type", "prov", "Healthcare Provider")],
        "name": f"Apricot Grove Clinic {number % 40 + 1}",
    }
    yield {
        "resourceType": "Practitioner",
        "active": True,
        "identifier": [{"system": "urn:example:practitioner", "value": f"D{number}"}],
        "name": [{"family": "Dong", "given": ["Feng"], "prefix": ["Dr."]}],
        "gender": "male",
    }
    yield _encounter(ids)
    yield observation(f"Patient/{ids['Patient']}", number) | _during(ids)
    yield _medication_request(ids)
    yield _claim(ids)
    yield _explanation(ids)


def observation(subject: str, number: int) -> Json:
    """One blood glucose."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [_concept("observation-category", "laboratory", "Laboratory")],
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "2339-0", "display": "Glucose in blood"}
            ],
            "text": "Glucose",
        },
        "subject": {"reference": subject},
        "effectiveDateTime": f"{_DAY}T{number % 24:02}:{number % 60:02}:00+08:00",
        "issued": f"{_DAY}T23:59:59.999+08:00",
        "valueQuantity": {
            "value": 70 + number % 60,
            "unit": "mg/dL",
            "system": "http://unitsofmeasure.org",
            "code": "mg/dL",
        },
    }


def changed(resource: Json, id: str) -> Json:
    """What an update sends: the resource with its id, and a language it did not name."""
    return {"resourceType": resource["resourceType"], "id": id, "language": "en", **resource}


def _patient(number: int) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [
            {
                "use": "usual",
                "type": _concept("v2-0203", "MR", "Medical Record Number"),
                "system": "urn:example:medical-record",
                "value": f"M{number:09}",
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": f"Lin{number % 997}", "given": ["Mo", "An"]}],
        "telecom": [{"system": "phone", "value": f"555-{number % 10000:04}", "use": "mobile"}],
        "gender": ("female", "male")[number % 2],
        "birthDate": f"{1930 + number % 90}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        "address": [
            {
                "use": "home",
                "line": [f"{number % 200 + 1} Apricot Street"],
                "city": "Xingzhou",
                "postalCode": "990001",
                "country": "CN",
            }
        ],
        "maritalStatus": _concept("v3-MaritalStatus", "M", "Married"),
    }


def _encounter(ids: Ids) -> Json:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": f"{_TERMINOLOGY}v3-ActCode", "code": "AMB"},
        "type": [{"text": "Encounter for check up"}],
        "subject": _reference("Patient", ids),
        "participant": [{"individual": _reference("Practitioner", ids)}],
        "period": {"start": f"{_DAY}T09:00:00+08:00", "end": f"{_DAY}T09:20:00+08:00"},
        "location": [{"location": _reference("Location", ids)}],
        "serviceProvider": _reference("Organization", ids),
    }


def _medication_request(ids: Ids) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}],
            "text": "Metformin 500 mg",
        },
        "subject": _reference("Patient", ids),
        **_during(ids),
        "authoredOn": f"{_DAY}T09:15:00+08:00",
        "requester": _reference("Practitioner", ids),
        "dosageInstruction": [
            {
                "text": "one tablet twice a day",
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            }
        ],
    }


def _claim(ids: Ids) -> Json:
    return {
        "resourceType": "Claim",
        **_bill(ids),
        "priority": _concept("processpriority", "normal", "Normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "District"}}],
        "item": [
            {
                "sequence": 1,
                "productOrService": {"text": "Encounter for check up"},
                "encounter": [_reference("Encounter", ids)],
                "net": _money(129.16),
            }
        ],
        "total": _money(129.16),
    }


def _explanation(ids: Ids) -> Json:
    return {
        "resourceType": "ExplanationOfBenefit",
        **_bill(ids),
        "insurer": {"display": "District"},
        "claim": _reference("Claim", ids),
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": {"display": "District"}}],
        "item": [
            {
                "sequence": sequence,
                "productOrService": {"text": text},
                "servicedPeriod": {"start": f"{_DAY}T09:00:00+08:00"},
                "encounter": [_reference("Encounter", ids)],
                "net": _money(net),
                "adjudication": [
                    {
                        "category": _concept("adjudication", category, label),
                        "amount": _money(round(net * share, 2)),
                    }
                    for category, label, share in (
                        ("submitted", "Submitted Amount", 1),
                        ("copay", "CoPay", 0.2),
                        ("benefit", "Benefit Amount", 0.8),
                    )
                ],
            }
            for sequence, text, net in ((1, "Check up", 90.1), (2, "Glucose", 39.06))
        ],
        "total": [
            {
                "category": _concept("adjudication", "submitted", "Submitted Amount"),
                "amount": _money(129.16),
            }
        ],
        "payment": {"amount": _money(103.33)},
    }


def _bill(ids: Ids) -> Json:
    return {
        "status": "active",
        "type": _concept("claim-type", "professional", "Professional"),
        "use": "claim",
        "patient": _reference("Patient", ids),
        "billablePeriod": {"start": _DAY, "end": _DAY},
        "created": _DAY,
        "provider": _reference("Organization", ids),
    }


def _during(ids: Ids) -> Json:
    return {"encounter": _reference("Encounter", ids)}


def _reference(type: str, ids: Ids) -> Json:
    return {"reference": f"{type}/{ids[type]}"}


def _concept(system: str, code: str, display: str) -> Json:
    coding = {"system": _TERMINOLOGY + system, "code": code, "display": display}
    return {"coding": [coding], "text": display}


def _money(value: float) -> Json:
    return {"value": value, "currency": "CNY"}
