"""Resources that meet the US Core profiles where a search looks, made from their metadata.

Synthetic patients have neither all types nor all elements that US Core searches by. The codes
come from the metadata (`values`), the rest is written here, twice for each of two patients, and
never alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]
Metadata = dict[str, Any]

PATIENTS = ("us-ann", "us-bob")
_EACH = 2  # resources of a profile for each patient
_LATER = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"

# Parameters that US Core defines itself, and the specification does not have.
_DEFINED = (
    ("CareTeam", "role", "token", "CareTeam.participant.role"),
    (
        "Condition",
        "asserted-date",
        "date",
        f"Condition.extension.where(url = '{_LATER}').valueDateTime",
    ),
    (
        "Encounter",
        "discharge-disposition",
        "token",
        "Encounter.hospitalization.dischargeDisposition",
    ),
    ("Goal", "description", "token", "Goal.description"),
)


def parameters() -> list[Resource]:
    return [
        {
            "resourceType": "SearchParameter",
            "id": f"us-core-{type.lower()}-{code}",
            "url": f"http://example.org/SearchParameter/us-core-{type.lower()}-{code}",
            "name": code,
            "status": "active",
            "description": f"{code} of {type}",
            "code": code,
            "base": [type],
            "type": kind,
            "expression": expression,
        }
        for type, code, kind, expression in _DEFINED
    ]


def surroundings() -> list[Resource]:
    """Whom and what the others refer to."""
    return [
        {"resourceType": "Endpoint", "id": "us-end", "status": "active", "address": "https://a.b"}
        | {"connectionType": {"code": "hl7-fhir-rest"}, "payloadType": [{"text": "any"}]},
        {"resourceType": "Medication", "id": "us-drug", "code": _concept("drug")},
        {"resourceType": "Location", "id": "us-place", "name": "Ward"},
    ]


def resources(profile: Metadata) -> Iterator[Resource]:
    """What a profile asks for, as far as it is searched."""
    type = profile["resource"]
    if type == "Provenance":
        return
    number = 0
    for patient in PATIENTS[:1] if type in ("Practitioner", "Organization") else PATIENTS:
        for _ in range(1 if type == "Patient" else _EACH):
            id = patient if type == "Patient" else f"{profile['name'].replace('_', '-')}-{number}"
            made = {
                "resourceType": type,
                "id": id[-60:],
                "meta": {"profile": [profile["profile_url"]]},
            }
            made |= _MADE[type](patient, number)
            _code(made, profile, number)
            yield made
            number += 1


def provenance(of: list[Resource]) -> list[Resource]:
    return [
        {
            "resourceType": "Provenance",
            "id": f"about-{each['id']}"[:64],
            "target": [_to(f"{each['resourceType']}/{each['id']}")],
            "recorded": "2024-05-06T07:08:09Z",
            "agent": [{"who": _to("Practitioner/us-core-practitioner-0")}],
        }
        for each in of
    ]


def _code(made: Resource, profile: Metadata, number: int) -> None:
    """Code and category as the profile wants them."""
    systems = {
        value.get("code"): value.get("system")
        for piece in profile["must_supports"]["slices"]
        for value in (piece["discriminator"], *piece["discriminator"].get("values", []))
    }
    for name in ("code", "category"):
        wanted = profile["search_definitions"].get(name, {}).get("values")
        if wanted:
            code = wanted[number % len(wanted)]
            concept = _concept(code, systems.get(code) or "http://loinc.org")
            made[name] = concept if name == "code" else [concept]


def _concept(code: str, system: str = "urn:codes") -> Resource:
    return {"coding": [{"system": system, "code": code}], "text": f"the {code}"}


def _to(reference: str) -> Resource:
    return {"reference": reference}


def _on(number: int) -> str:
    return f"2023-0{1 + number % 9}-1{number % 9}T08:30:00+01:00"


def _day(number: int) -> str:
    return _on(number)[:10]


def _one_of(number: int, *choices: str) -> str:
    return choices[number % len(choices)]


def _subject(patient: str) -> Resource:
    return {"subject": _to(f"Patient/{patient}")}


def _patient(patient: str, number: int) -> Resource:
    dead = {"deceasedDateTime": _on(3)} if number else {}
    return dead | {
        "identifier": [{"system": "urn:mrn", "value": f"mrn-{patient}"}],
        "name": [{"family": f"Family {patient}", "given": ["Given", patient]}],
        "gender": _one_of(number, "female", "male"),
        "birthDate": _one_of(number, "1970-02-03", "1980-12-31"),
    }


def _condition(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "clinicalStatus": _concept(
            _one_of(number, "active", "resolved"),
            "http://terminology.hl7.org/CodeSystem/condition-clinical",
        ),
        "extension": [{"url": _LATER, "valueDateTime": _day(number + 1)}],
        "encounter": _to("Encounter/us-core-encounter-0"),
        "onsetDateTime": _on(number),
        "abatementPeriod": {"start": _on(number + 1), "end": _on(number + 2)},
        "recordedDate": _on(number + 1),
    }


def _observation(patient: str, number: int) -> Resource:
    value = {"value": 7 + number, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    period = {"effectivePeriod": {"start": _on(number), "end": _on(number + 1)}}
    return _subject(patient) | {
        "status": _one_of(number, "final", "amended"),
        "code": _concept(_one_of(number, "94711", "94712"), "http://loinc.org"),
        "category": [_concept("social-history")],
        **(period if number == 1 else {"effectiveDateTime": _on(number)}),
        "valueQuantity": value,
    }


def _encounter(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "identifier": [{"system": "urn:visits", "value": f"visit-{number}"}],
        "status": _one_of(number, "finished", "in-progress"),
        "class": {"system": "urn:class", "code": _one_of(number, "AMB", "IMP")},
        "type": [_concept(_one_of(number, "visit", "stay"))],
        "period": {"start": _on(number), "end": _on(number + 1)},
        "location": [{"location": _to("Location/us-place")}],
        "hospitalization": {"dischargeDisposition": _concept(_one_of(number, "home", "other"))},
    }


def _report(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "status": _one_of(number, "final", "preliminary"),
        "code": _concept(_one_of(number, "report", "letter"), "http://loinc.org"),
        "effectiveDateTime": _on(number),
    }


def _document(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "status": _one_of(number, "current", "superseded"),
        "type": _concept(_one_of(number, "note", "letter")),
        "date": _on(number),
        "context": {"period": {"start": _on(number), "end": _on(number + 1)}},
        "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    }


def _care_team(patient: str, number: int) -> Resource:
    members: tuple[str, ...] = (
        "PractitionerRole/us-core-practitionerrole-0",
        "Practitioner/us-core-practitioner-0",
    )
    members += (f"Patient/{patient}", "RelatedPerson/us-core-relatedperson-0")
    return _subject(patient) | {
        "status": _one_of(number, "active", "inactive"),
        "participant": [
            {"role": [_concept(f"role-{number}")], "member": _to(member)} for member in members
        ],
    }


def _request(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "status": _one_of(number, "active", "completed"),
        "intent": _one_of(number, "order", "plan"),
        "medicationReference": _to("Medication/us-drug"),
        "encounter": _to("Encounter/us-core-encounter-0"),
        "authoredOn": _on(number),
    }


def _questionnaire(patient: str, number: int) -> Resource:
    return _subject(patient) | {
        "status": _one_of(number, "completed", "amended"),
        "questionnaire": f"http://example.org/Questionnaire/{number}|1.0",
        "authored": _on(number),
    }


_MADE: dict[str, Callable[[str, int], Resource]] = {
    "AllergyIntolerance": lambda patient, n: {
        "patient": _to(f"Patient/{patient}"),
        "code": _concept("nuts"),
        "clinicalStatus": _concept(_one_of(n, "active", "resolved")),
    },
    "CarePlan": lambda patient, n: (
        _subject(patient)
        | {"status": _one_of(n, "active", "completed"), "intent": "plan"}
        | {"period": {"start": _on(n), "end": _on(n + 1)}, "category": [_concept("assess-plan")]}
    ),
    "CareTeam": _care_team,
    "Condition": _condition,
    "Coverage": lambda patient, n: (
        {"beneficiary": _to(f"Patient/{patient}"), "status": "active"}
        | {"payor": [_to(f"Patient/{patient}")]}
    ),
    "Device": lambda patient, n: (
        {"patient": _to(f"Patient/{patient}")}
        | {
            "status": _one_of(n, "active", "inactive"),
            "type": _concept(_one_of(n, "pump", "stent")),
        }
    ),
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "Encounter": _encounter,
    "Goal": lambda patient, n: (
        _subject(patient)
        | {"lifecycleStatus": _one_of(n, "active", "planned"), "description": _concept(f"goal-{n}")}
        | {"target": [{"dueDate": _day(n)}]}
    ),
    "Immunization": lambda patient, n: (
        {"patient": _to(f"Patient/{patient}")}
        | {"status": _one_of(n, "completed", "not-done"), "vaccineCode": _concept("140")}
        | {"occurrenceDateTime": _on(n)}
    ),
    "MedicationDispense": lambda patient, n: (
        _subject(patient)
        | {"status": _one_of(n, "completed", "on-hold"), "type": _concept(_one_of(n, "FF", "RF"))}
        | {"medicationReference": _to("Medication/us-drug")}
    ),
    "MedicationRequest": _request,
    "Observation": _observation,
    "Organization": lambda patient, n: (
        {"name": f"Clinic {n}", "alias": [f"Alias {n}"]}
        | {"address": [{"city": f"City {n}", "postalCode": f"0{n}"}]}
    ),
    "Patient": lambda patient, n: _patient(patient, PATIENTS.index(patient)),
    "Practitioner": lambda patient, n: (
        {"name": [{"family": f"Doctor {n}"}]}
        | {"identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": f"npi-{n}"}]}
    ),
    "PractitionerRole": lambda patient, n: {
        "practitioner": _to(f"Practitioner/us-core-practitioner-{n % 2}"),
        "specialty": [_concept(_one_of(n, "surgery", "medicine"))],
        "endpoint": [_to("Endpoint/us-end")],
    },
    "Procedure": lambda patient, n: (
        _subject(patient)
        | {"status": _one_of(n, "completed", "in-progress"), "code": _concept(f"cut-{n}")}
        | {"performedPeriod": {"start": _on(n), "end": _on(n + 1)}}
    ),
    "QuestionnaireResponse": _questionnaire,
    "RelatedPerson": lambda patient, n: (
        {"patient": _to(f"Patient/{patient}")}
        | {"active": True, "name": [{"family": f"Relative {n}"}]}
    ),
    "ServiceRequest": lambda patient, n: (
        _subject(patient)
        | {"status": _one_of(n, "active", "completed"), "intent": "order", "authoredOn": _on(n)}
        | {"code": _concept(f"do-{n}"), "category": [_concept("surgical")]}
    ),
    "Specimen": lambda patient, n: _subject(patient) | {"type": _concept("blood")},
}
