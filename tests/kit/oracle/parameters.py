"""The search parameters that the oracle knows, with paths written by hand from the definitions
of FHIR R4 (https://hl7.org/fhir/R4/searchparameter-registry.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.kit.oracle import elements
from tests.kit.oracle.corpus import Resource


@dataclass(frozen=True)
class Parameter:
    """`only`: what the expression keeps: of references a type, of contacts a system."""

    kind: str
    paths: tuple[str, ...]
    only: str = ""
    parts: tuple[Parameter, ...] = ()  # of a composite, within one element at a path

    def elements(self, resource: Any) -> Iterator[Any]:
        for path in self.paths:
            found = elements.at(resource, path)
            if self.kind == "token" and self.only:
                found = (each for each in found if each.get("system") == self.only)
            yield from found

    def references(self, resource: Resource) -> list[str]:
        found = [r for element in self.elements(resource) for r in elements.local(element)]
        return [each for each in found if each.startswith(f"{self.only}/" if self.only else "")]


def _of(kind: str, *paths: str) -> Parameter:
    return Parameter(kind, paths)


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _string(*paths: str) -> Parameter:
    return Parameter("string", paths)


def _date(*paths: str) -> Parameter:
    return Parameter("date", paths)


def _quantity(*paths: str) -> Parameter:
    return Parameter("quantity", paths)


def _uri(*paths: str) -> Parameter:
    return Parameter("uri", paths)


def _reference(*paths: str, only: str = "") -> Parameter:
    return Parameter("reference", paths, only)


def _composite(path: str, *parts: Parameter) -> Parameter:
    return Parameter("composite", (path,), parts=parts)


EVERY = {
    "_profile": _uri("meta.profile"),
    "_tag": _token("meta.tag"),
    "_source": _uri("meta.source"),
}
_WHO = {
    "identifier": _token("identifier"),
    "name": _string("name"),
    "telecom": _token("telecom"),
    "phone": Parameter("token", ("telecom",), "phone"),
    "email": Parameter("token", ("telecom",), "email"),
    "address": _string("address"),
    "address-city": _string("address.city"),
    "address-postalcode": _string("address.postalCode"),
    "gender": _token("gender"),
}
_PERSON = _WHO | {"family": _string("name.family"), "given": _string("name.given")}
_PLACE = {name: _WHO[name] for name in ("identifier", "name", "address", "address-city")}
_SUBJECT = {
    "subject": _reference("subject"),
    "patient": _reference("subject", only="Patient"),
    "encounter": _reference("encounter"),
    "identifier": _token("identifier"),
}

OF: dict[str, dict[str, Parameter]] = {
    "Patient": _PERSON
    | {
        "active": _token("active"),
        "birthdate": _date("birthDate"),
        "death-date": _date("deceasedDateTime"),
        "language": _token("communication.language"),
        "general-practitioner": _reference("generalPractitioner"),
        "organization": _reference("managingOrganization"),
        "link": _reference("link.other"),
    },
    "Practitioner": _PERSON | {"active": _token("active")},
    "PractitionerRole": {
        "role": _token("code"),
        "specialty": _token("specialty"),
        "organization": _reference("organization"),
        "practitioner": _reference("practitioner"),
        "location": _reference("location"),
        "phone": _WHO["phone"],
    },
    "Organization": _PLACE
    | {"active": _token("active"), "type": _token("type"), "partof": _reference("partOf")},
    "Location": _PLACE
    | {"status": _token("status"), "organization": _reference("managingOrganization")},
    "Encounter": {
        "subject": _SUBJECT["subject"],
        "patient": _SUBJECT["patient"],
        "identifier": _token("identifier"),
        "class": _token("class"),
        "type": _token("type"),
        "status": _token("status"),
        "date": _date("period"),
        "length": _quantity("length"),
        "reason-code": _token("reasonCode"),
        "participant": _reference("participant.individual"),
        "practitioner": _reference("participant.individual", only="Practitioner"),
        "service-provider": _reference("serviceProvider"),
        "location": _reference("location.location"),
    },
    "Condition": _SUBJECT
    | {
        "code": _token("code"),
        "category": _token("category"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "abatement-date": _date("abatementDateTime", "abatementPeriod"),
        "recorded-date": _date("recordedDate"),
        "onset-age": _quantity("onsetAge", "onsetRange"),
        "asserter": _reference("asserter"),
    },
    "Observation": _SUBJECT
    | {
        "status": _token("status"),
        "category": _token("category"),
        "code": _token("code"),
        "combo-code": _token("code", "component.code"),
        "component-code": _token("component.code"),
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "value-quantity": _quantity("valueQuantity"),
        "component-value-quantity": _quantity("component.valueQuantity"),
        "combo-value-quantity": _quantity("valueQuantity", "component.valueQuantity"),
        "value-concept": _token("valueCodeableConcept"),
        "value-string": _string("valueString", "valueCodeableConcept.text"),
        "value-date": _date("valueDateTime", "valuePeriod"),
        "performer": _reference("performer"),
        "has-member": _reference("hasMember"),
        "derived-from": _reference("derivedFrom"),
        "code-value-quantity": _composite("", _token("code"), _quantity("valueQuantity")),
        "code-value-concept": _composite("", _token("code"), _token("valueCodeableConcept")),
        "code-value-date": _composite("", _token("code"), _date("valueDateTime", "valuePeriod")),
        "component-code-value-quantity": _composite(
            "component", _token("code"), _quantity("valueQuantity")
        ),
    },
    "Procedure": _SUBJECT
    | {
        "code": _token("code"),
        "status": _token("status"),
        "date": _date("performedDateTime", "performedPeriod"),
        "location": _reference("location"),
        "reason-reference": _reference("reasonReference"),
        "performer": _reference("performer.actor"),
    },
    "MedicationRequest": _SUBJECT
    | {
        "code": _token("medicationCodeableConcept"),
        "medication": _reference("medicationReference"),
        "status": _token("status"),
        "intent": _token("intent"),
        "authoredon": _date("authoredOn"),
        "requester": _reference("requester"),
    },
    "MedicationAdministration": {
        "subject": _SUBJECT["subject"],
        "patient": _SUBJECT["patient"],
        "code": _token("medicationCodeableConcept"),
        "effective-time": _date("effectiveDateTime", "effectivePeriod"),
        "context": _reference("context"),
    },
    "Medication": {"code": _token("code"), "status": _token("status")},
    "Immunization": {
        "patient": _reference("patient", only="Patient"),
        "vaccine-code": _token("vaccineCode"),
        "date": _date("occurrenceDateTime"),
        "status": _token("status"),
        "location": _reference("location"),
    },
    "DiagnosticReport": _SUBJECT
    | {
        "code": _token("code"),
        "category": _token("category"),
        "status": _token("status"),
        "date": _date("effectiveDateTime", "effectivePeriod"),
        "issued": _date("issued"),
        "result": _reference("result"),
        "performer": _reference("performer"),
    },
    "DocumentReference": {
        "subject": _SUBJECT["subject"],
        "patient": _SUBJECT["patient"],
        "type": _token("type"),
        "category": _token("category"),
        "date": _date("date"),
        "author": _reference("author"),
        "custodian": _reference("custodian"),
        "encounter": _reference("context.encounter"),
        "contenttype": _token("content.attachment.contentType"),
        "period": _date("context.period"),
        "identifier": _token("masterIdentifier", "identifier"),
    },
    "Claim": {
        "patient": _reference("patient", only="Patient"),
        "created": _date("created"),
        "use": _token("use"),
        "status": _token("status"),
        "priority": _token("priority"),
        "provider": _reference("provider"),
        "facility": _reference("facility"),
        "encounter": _reference("item.encounter"),
    },
    "ExplanationOfBenefit": {
        "patient": _reference("patient", only="Patient"),
        "identifier": _token("identifier"),
        "created": _date("created"),
        "claim": _reference("claim"),
        "facility": _reference("facility"),
        "encounter": _reference("item.encounter"),
        "care-team": _reference("careTeam.provider"),
        "provider": _reference("provider"),
    },
    "CarePlan": _SUBJECT
    | {
        "category": _token("category"),
        "status": _token("status"),
        "date": _date("period"),
        "care-team": _reference("careTeam"),
        "condition": _reference("addresses"),
        "activity-code": _token("activity.detail.code"),
    },
    "CareTeam": _SUBJECT
    | {
        "status": _token("status"),
        "date": _date("period"),
        "participant": _reference("participant.member"),
    },
    "AllergyIntolerance": {
        "patient": _reference("patient", only="Patient"),
        "code": _token("code", "reaction.substance"),
        "category": _token("category"),
        "criticality": _token("criticality"),
        "clinical-status": _token("clinicalStatus"),
    },
    "Device": {
        "patient": _reference("patient", only="Patient"),
        "type": _token("type"),
        "device-name": _string("deviceName.name", "type.coding.display", "type.text"),
        "udi-carrier": _string("udiCarrier.carrierHRF"),
    },
    "ImagingStudy": _SUBJECT
    | {
        "started": _date("started"),
        "modality": _token("series.modality"),
        "bodysite": _token("series.bodySite"),
        "dicom-class": _token("series.instance.sopClass"),
    },
    "SupplyDelivery": {
        "patient": _reference("patient", only="Patient"),
        "status": _token("status"),
    },
    "Provenance": {
        "target": _reference("target"),
        "patient": _reference("target", only="Patient"),
        "recorded": _date("recorded"),
        "agent": _reference("agent.who"),
    },
    "RiskAssessment": _SUBJECT
    | {
        "probability": _of(
            "number", "prediction.probabilityDecimal", "prediction.probabilityRange"
        ),
        "date": _date("occurrenceDateTime"),
    },
    "ChargeItem": {
        "factor-override": _of("number", "factorOverride"),
        "price-override": _quantity("priceOverride"),
        "quantity": _quantity("quantity"),
        "subject": _SUBJECT["subject"],
    },
    "ValueSet": {
        "url": _uri("url"),
        "version": _token("version"),
        "title": _string("title"),
        "date": _date("date"),
        "reference": _uri("compose.include.system"),
        "status": _token("status"),
    },
}


def find(type: str, code: str) -> Parameter | None:
    return OF.get(type, {}).get(code) or EVERY.get(code)


# By which parameters a resource lies in a compartment (CompartmentDefinition, R4).
_BY_PATIENT: dict[str, tuple[str, ...]] = {
    "patient": ("Immunization", "Encounter", "Provenance", "ImagingStudy", "Claim")
}
_BY_PATIENT["patient"] += ("ExplanationOfBenefit", "SupplyDelivery", "AllergyIntolerance")
_BY_PATIENT["patient"] += ("Procedure", "Condition", "CarePlan", "CareTeam")
_BY_PATIENT["subject"] = ("Observation", "DiagnosticReport", "MedicationRequest")
_BY_PATIENT["subject"] += ("MedicationAdministration", "DocumentReference", "RiskAssessment")
COMPARTMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Patient": {type: (code,) for code, types in _BY_PATIENT.items() for type in types}
    | {
        "Patient": ("link",),
        "Observation": ("subject", "performer"),
        "Procedure": ("patient", "performer"),
        "CareTeam": ("patient", "participant"),
        "Condition": ("patient", "asserter"),
    },
    "Encounter": dict.fromkeys(
        ("Condition", "Observation", "Procedure", "DiagnosticReport", "CarePlan"), ("encounter",)
    ),
    "Practitioner": {
        "Encounter": ("practitioner", "participant"),
        "DiagnosticReport": ("performer",),
        "MedicationRequest": ("requester",),
        "Patient": ("general-practitioner",),
    },
}
