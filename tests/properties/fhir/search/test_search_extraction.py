"""What search parameters find in a resource: rule by rule, and compared with an independent
FHIRPath engine (fhirpathpy) on whole patients."""

from __future__ import annotations

import bz2
import json
import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from fhirpathpy import compile as independent
from fhirpathpy.models import models

from tests.kit.outside import data
from xinglin.fhir.resource import parse
from xinglin.fhir.search.entries import MAX_MS, MIN_MS, Entries
from xinglin.fhir.search.extraction import Extractor, extract
from xinglin.fhir.search.parameters import Parameter, standard

REGISTRY = standard()
EXTRACT = Extractor(REGISTRY)
LISTS = ("tokens", "strings", "uris", "references", "dates", "numbers", "quantities")


def entries(resource: dict[str, Any]) -> Entries:
    return EXTRACT(parse(json.dumps(resource).encode()).value)


def found(resource: dict[str, Any], name: str) -> list[Any]:
    """The entries of one parameter, without its number; `name` may be that of a variant."""
    [number] = [p.number for p in REGISTRY.numbered if p.name == name]
    every = entries(resource)
    return [
        item[1] if len(item) == 2 else item[1:]
        for items in (*(getattr(every, each) for each in LISTS), every.composites)
        for item in items
        if item[0] == number
    ]


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1000


LOINC = "http://loinc.org"
CODE = {
    "text": "Heart beat",
    "coding": [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}, {"code": "hr"}],
}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": CODE}
PATIENT: dict[str, Any] = {"resourceType": "Patient"}


# Tokens


def test_a_concept_is_its_codings_and_its_texts() -> None:
    assert found(OBSERVATION, "Observation.code") == [(LOINC, "8867-4"), ("", "hr")]
    assert found(OBSERVATION, "Observation.code:text") == ["Heart rate", "Heart beat"]


def test_a_code_is_a_token_without_system() -> None:
    assert found(OBSERVATION, "Observation.status") == [("", "final")]


@pytest.mark.parametrize(
    ("deceased", "token"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2020"}, "true"),
    ],
)
def test_deceased_is_answered_for_every_patient(deceased: dict[str, Any], token: str) -> None:
    assert found(PATIENT | deceased, "Patient.deceased") == [("", token)]


def test_an_identifier_has_variants_of_type() -> None:
    kind = {"text": "Record number", "coding": [{"system": "http://v2", "code": "MR"}]}
    patient = PATIENT | {"identifier": [{"system": "urn:a", "value": "7", "type": kind}]}
    assert found(patient, "Patient.identifier") == [("urn:a", "7")]
    assert found(patient, "Patient.identifier:of-type") == [("http://v2", "MR|7")]
    assert found(patient, "Patient.identifier:text") == ["Record number"]


def test_contact_points_are_told_apart_by_their_system() -> None:
    telecom = [
        {"system": "phone", "value": "110"},
        {"system": "email", "value": "a@b.cn"},
        {"system": "fax"},
        {"value": "?"},
    ]
    patient = PATIENT | {"telecom": telecom}
    assert found(patient, "Patient.phone") == [("phone", "110")]
    assert found(patient, "Patient.email") == [("email", "a@b.cn")]
    assert found(patient, "Patient.telecom") == [("phone", "110"), ("email", "a@b.cn"), ("", "?")]


def test_meta_is_searched_in_every_type() -> None:
    meta = {
        "tag": [{"system": "urn:t", "code": "x"}],
        "security": [{"code": "R"}],
        "profile": ["http://p|1"],
        "source": "urn:s",
    }
    patient = PATIENT | {"meta": meta}
    assert found(patient, "Patient._tag") == [("urn:t", "x")]
    assert found(patient, "Patient._security") == [("", "R")]
    assert found(patient, "Patient._profile") == ["http://p|1", "http://p"]
    assert found(patient, "Patient._source") == ["urn:s"]


# Strings


def test_a_name_is_all_its_parts() -> None:
    name = {"text": "Dr A B", "family": "B", "given": ["A", None], "_given": [None, {"id": "1"}]}
    patient = PATIENT | {"name": [name | {"prefix": ["Dr"]}]}
    assert found(patient, "Patient.name") == ["Dr A B", "B", "A", "Dr"]
    assert found(patient, "Patient.given") == ["A"]


def test_an_address_is_all_its_parts() -> None:
    address = {"line": ["1 Road"], "city": "杭州", "postalCode": "310000", "country": "CN"}
    patient = PATIENT | {"address": [address]}
    assert found(patient, "Patient.address") == ["1 Road", "杭州", "310000", "CN"]
    assert found(patient, "Patient.address-city") == ["杭州"]


# References


@pytest.mark.parametrize(
    ("reference", "values"),
    [
        ("Patient/1", [("Patient", "1")]),
        ("Patient/1/_history/3", [("Patient", "1")]),
        ("http://other/fhir/Patient/1", ["http://other/fhir/Patient/1"]),
        ("urn:uuid:53fefa32-1111-2222-3333-55ee120877b7",) * 2,
        ("#p1", []),
        ("Patient?identifier=1", []),
        ("Dragon/1", []),
        ("Patient/", []),
    ],
)
def test_references(reference: str, values: list[Any] | str) -> None:
    observation = OBSERVATION | {
        "subject": {"reference": reference},
        "contained": [{"resourceType": "Patient", "id": "p1"}],
    }
    expected = [values] if isinstance(values, str) else values
    assert found(observation, "Observation.subject") == expected


def test_a_logical_reference_is_found_by_its_identifier() -> None:
    observation = OBSERVATION | {"subject": {"identifier": {"system": "urn:a", "value": "7"}}}
    assert found(observation, "Observation.subject:identifier") == [("urn:a", "7")]
    assert found(observation, "Observation.subject") == []


def test_resolve_is_decided_by_the_text_of_the_reference() -> None:
    agent = {"requestor": True}
    who = ["Patient/1", "Practitioner/2", "http://x/Patient/3", "http://x/Practitioner/4"]
    event = {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "recorded": "2020-01-01T00:00:00Z",
        "agent": [agent | {"who": {"reference": each}} for each in who],
        "source": {"observer": {"reference": "Device/1"}},
    }
    assert found(event, "AuditEvent.patient") == ["http://x/Patient/3", ("Patient", "1")]


def test_what_is_stored_as_another_is_not_extracted_again() -> None:
    observation = OBSERVATION | {"subject": {"reference": "Patient/1"}}
    assert found(observation, "Observation.subject") == [("Patient", "1")]
    assert found(observation, "Observation.patient") == []


def test_a_canonical_may_name_a_version_or_a_resource_here() -> None:
    report = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": "http://m|2",
        "period": {"start": "2020"},
    }
    assert found(report, "MeasureReport.measure") == ["http://m|2", "http://m"]
    local = report | {"measure": "Measure/1|2"}
    assert found(local, "MeasureReport.measure") == [("Measure", "1")]


# Dates


@pytest.mark.parametrize(
    ("effective", "low", "high"),
    [
        ({"effectiveDateTime": "2020-02"}, ms(2020, 2, 1), ms(2020, 3, 1) - 1),
        (
            {"effectiveInstant": "2020-02-03T04:05:00+08:00"},
            ms(2020, 2, 2, 20, 5),
            ms(2020, 2, 2, 20, 5) + 999,
        ),
        (
            {"effectivePeriod": {"start": "2020", "end": "2021"}},
            ms(2020, 1, 1),
            ms(2022, 1, 1) - 1,
        ),
        ({"effectivePeriod": {"start": "2020"}}, ms(2020, 1, 1), MAX_MS),
        ({"effectivePeriod": {"end": "2020"}}, MIN_MS, ms(2021, 1, 1) - 1),
        (
            {"effectiveTiming": {"event": ["2020-05-02", "2020-05-01"]}},
            ms(2020, 5, 1),
            ms(2020, 5, 3) - 1,
        ),
        (
            {"effectiveTiming": {"repeat": {"boundsPeriod": {"start": "2020", "end": "2020"}}}},
            ms(2020, 1, 1),
            ms(2021, 1, 1) - 1,
        ),
    ],
)
def test_dates_are_ranges(effective: dict[str, Any], low: int, high: int) -> None:
    observation = OBSERVATION | effective
    assert found(observation, "Observation.date") == [(low, high)]
    assert entries(observation).clinical == low


@pytest.mark.parametrize(
    "effective",
    [{}, {"effectivePeriod": {"id": "a"}}, {"effectiveTiming": {"code": {"text": "daily"}}}],
)
def test_without_a_date_there_is_no_clinical_date(effective: dict[str, Any]) -> None:
    assert entries(OBSERVATION | effective).clinical is None


# Numbers and quantities


def test_quantities() -> None:
    quantity = {"value": 5.40, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    expected = (Decimal("5.4"), "http://unitsofmeasure.org", "mg", "mg")
    observation = OBSERVATION | {"valueQuantity": quantity}
    assert found(observation, "Observation.value-quantity") == [expected]


def test_a_quantity_without_a_value_is_nothing() -> None:
    observation = OBSERVATION | {"valueQuantity": {"unit": "mg"}}
    assert found(observation, "Observation.value-quantity") == []


def test_money_is_a_quantity_in_its_currency() -> None:
    invoice = {"resourceType": "Invoice", "status": "issued"}
    invoice |= {"totalNet": {"value": 12.5, "currency": "CNY"}}  # type: ignore[dict-item]
    expected = (Decimal("12.5"), "urn:iso:std:iso:4217", "CNY", "CNY")
    assert found(invoice, "Invoice.totalnet") == [expected]


def test_a_range_is_its_two_bounds() -> None:
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "onsetRange": {"low": {"value": 30, "unit": "a"}, "high": {"value": 40, "unit": "a"}},
    }
    ages = found(condition, "Condition.onset-age")
    assert [(value, unit) for value, _, _, unit in ages] == [(30, "a"), (40, "a")]


def test_numbers() -> None:
    risk = {
        "resourceType": "RiskAssessment",
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "prediction": [{"probabilityDecimal": 0.5}, {"probabilityRange": {"low": {"value": 0.1}}}],
    }
    assert found(risk, "RiskAssessment.probability") == [Decimal("0.5"), Decimal("0.1")]


# Composites


def test_a_composite_holds_together_what_is_of_one_element() -> None:
    components = [
        {"code": {"coding": [{"code": "sys"}]}, "valueQuantity": {"value": 120}},
        {"code": {"coding": [{"code": "dia"}, {"code": "d2"}]}, "valueQuantity": {"value": 80}},
        {"code": {"coding": [{"code": "none"}]}},
    ]
    observation = OBSERVATION | {"component": components}
    values = found(observation, "Observation.component-code-value-quantity")
    assert [(code[2], value[1]) for code, value in values] == [
        ("sys", 120),
        ("dia", 80),
        ("d2", 80),
    ]
    parameter = REGISTRY.by_type["Observation"]["component-code-value-quantity"]
    numbers = [component.number for component in parameter.components]
    assert [[part[0] for part in parts] for parts in values] == [numbers] * 3


def test_related_documents() -> None:
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"url": "http://a"}}],
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}],
    }
    [(code, target)] = found(document, "DocumentReference.relationship")
    assert (code[1:], target[1:]) == (("", "replaces"), ("DocumentReference", "1"))


# Custom parameters


def custom(expression: str, kind: str, resource: dict[str, Any]) -> list[Any]:
    definition = {
        "resourceType": "SearchParameter",
        "url": "http://example.org/own",
        "code": "own",
        "base": [resource["resourceType"]],
        "type": kind,
        "expression": expression,
    }
    registry = REGISTRY.with_custom([json.dumps(definition).encode()])
    parameter = registry.by_type[resource["resourceType"]]["own"]
    every = extract(registry, parse(json.dumps(resource).encode()).value)
    items = [item for each in LISTS for item in getattr(every, each)]
    return [item[1:] for item in items if item[0] == parameter.number]


MIXED = PATIENT | {
    "birthDate": "1990-01-02",
    "extension": [
        {"url": "http://e/color", "valueCode": "red"},
        {"url": "http://e/weight", "valueQuantity": {"value": 70.50, "code": "kg"}},
    ],
    "name": [{"given": ["A", "B"], "family": "C"}],
    "managingOrganization": {"reference": "Organization/1"},
}


@pytest.mark.parametrize(
    ("expression", "kind", "values"),
    [
        ("Patient.extension('http://e/color')", "token", [("", "red")]),
        ("Patient.extension('http://e/color').value", "token", [("", "red")]),
        ("extension('http://e/weight').value as Quantity", "quantity", [(70.5, "", "kg", "")]),
        ("Patient.extension.where(url = 'http://e/color').value", "token", [("", "red")]),
        ("Patient.name.exists()", "token", [("", "true")]),
        ("Patient.photo.exists().not()", "token", [("", "true")]),
        ("Patient.name[0].family", "string", [("C",)]),
        ("Patient.name[1].family", "string", []),
        # More than paths: through the general engine.
        ("Patient.name.given.first() + ' ' + name.family", "string", [("A C",)]),
        ("Patient.name.given.count()", "number", [(2,)]),
        ("Patient.name.where(given.count() > 1)", "string", [("C",), ("A",), ("B",)]),
        ("Patient.extension.value.where($this is Quantity)", "quantity", [(70.5, "", "kg", "")]),
        (
            "iif(true, Patient.managingOrganization).where(resolve() is Organization)",
            "reference",
            [("Organization", "1")],
        ),
        ("iif(true, Patient.birthDate)", "date", [(ms(1990, 1, 2), ms(1990, 1, 3) - 1)]),
        ("iif(name.count() > 0, 'many', 'none')", "token", [("", "many")]),
        ("Patient.name.given.single()", "string", []),  # cannot be evaluated on two
        ("Patient.birthDate", "quantity", []),
    ],
)
def test_custom_expressions(expression: str, kind: str, values: list[Any]) -> None:
    assert custom(expression, kind, MIXED) == values


# Whole patients, against an independent engine


def instants(value: Any) -> tuple[int, int]:
    """The range of a FHIR date, by the standard library."""
    text = str(value)
    if len(text) <= 10:
        parts = [int(part) for part in text.split("-")]
        start = datetime(*[*parts, 1, 1][:3], tzinfo=UTC)  # type: ignore[arg-type,misc]
        days = [366 if parts[0] % 4 == 0 else 365, monthrange(parts[0], start.month)[1], 1]
        low = int(start.timestamp()) * 1000
        return low, low + days[len(parts) - 1] * 86_400_000 - 1
    start = datetime.fromisoformat(text)
    low = round(start.timestamp() * 1000)
    fraction = re.search(r"\.(\d+)", text)
    digits = min(len(fraction[1]), 3) if fraction else 0
    return low, low + 10 ** (3 - digits) - 1


def _token(leaf: Any) -> list[Any]:
    if isinstance(leaf, bool):
        return [("", "true" if leaf else "false")]
    if isinstance(leaf, str):
        return [("", leaf)]
    if "coding" in leaf or "text" in leaf:
        return [each for coding in leaf.get("coding", []) for each in _token(coding)]
    held = leaf.get("code", leaf.get("value"))
    return [] if held is None else [(leaf.get("system", ""), held)]


def _string(leaf: Any) -> list[Any]:
    if isinstance(leaf, str):
        return [(leaf,)]
    parts = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state")
    held = [leaf.get(part, []) for part in (*parts, "postalCode", "country")]
    return [(each,) for one in held for each in (one if isinstance(one, list) else [one])]


def _date(leaf: Any) -> list[Any]:
    if isinstance(leaf, dict):
        start, end = leaf.get("start"), leaf.get("end")
        return [(instants(start)[0] if start else MIN_MS, instants(end)[1] if end else MAX_MS)]
    return [instants(leaf)]


def _reference(leaf: Any) -> list[Any]:
    text = leaf.get("reference", "#") if isinstance(leaf, dict) else leaf
    local = re.fullmatch(r"([A-Z]\w+)/([\w.-]+)", text)
    if local:
        return [local.groups()]
    return [] if text.startswith("#") or "?" in text else [(text,)]


def _quantity(leaf: Any) -> list[Any]:
    unit = leaf.get("currency")
    if unit:
        return [(Decimal(str(leaf["value"])), "urn:iso:std:iso:4217", unit, unit)]
    parts = tuple(leaf.get(part, "") for part in ("system", "code", "unit"))
    return [(Decimal(str(leaf["value"])), *parts)]


def _uri(leaf: Any) -> list[Any]:
    return [(leaf,), (leaf.partition("|")[0],)]


CONVERT: dict[str, Callable[[Any], list[Any]]] = {
    "token": _token,
    "string": _string,
    "date": _date,
    "reference": _reference,
    "quantity": _quantity,
    "uri": _uri,
    "number": lambda leaf: [(Decimal(str(leaf)),)],
}


@cache
def engine(expression: str, resource: str) -> Any:
    # It knows neither resolve(), nor `as` on several values, nor Resource as a type.
    expression = re.sub(r"\((\S+) as (\w+)\)", r"\1.ofType(\2)", expression)
    expression = re.sub(r"([\w.]+) as (\w+)", r"\1.ofType(\2)", expression)
    expression = re.sub(r"\.as\((\w+)\)", r".ofType(\1)", expression)
    expression = re.sub(r"^Resource\.", f"{resource}.", expression)
    return independent(expression, models["r4"])


def expected(parameter: Parameter, resource: dict[str, Any]) -> set[Any]:
    leaves = engine(parameter.expression, parameter.resource)(resource)
    return {entry for leaf in leaves for entry in CONVERT[parameter.kind](leaf)}


def sample() -> list[tuple[str, dict[str, Any]]]:
    """Up to four resources of each type from two patients and the hospital."""
    seen: dict[str, int] = {}
    chosen = []
    files = sorted(data("synthea").glob("*.json.bz2"))
    for file in (*files[:1], *files[2:4]):
        for entry in json.loads(bz2.decompress(file.read_bytes()))["entry"]:
            resource = entry["resource"]
            name = resource["resourceType"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] <= 4:
                chosen.append((f"{name}/{resource['id']}", resource))
    return chosen


def test_an_independent_engine_finds_the_same() -> None:
    compared = 0
    for title, resource in sample():
        every = entries(resource)
        for parameter in REGISTRY.by_type[resource["resourceType"]].values():
            unsupported = "resolve()" in parameter.expression or parameter.kind == "composite"
            if (
                unsupported
                or parameter.stored_as
                or parameter.union
                or parameter.code in ("_id", "_lastUpdated")
            ):
                continue
            own = {
                item[1:]
                for each in LISTS
                for item in getattr(every, each)
                if item[0] == parameter.number
            }
            assert own == expected(parameter, resource), (title, parameter)
            compared += bool(own)
    assert compared > 300


def test_no_entry_occurs_twice() -> None:
    for title, resource in sample():
        every = entries(resource)
        for each in (*LISTS, "composites"):
            items = getattr(every, each)
            assert len(set(items)) == len(items), (title, each)
