"""Which search parameters each type has, and how people add their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from xinglin.fhir.fhirpath import parse
from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4 import model
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.definitions import branches
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.parameters import clinical, standard
from xinglin.fhir.search.paths import Path, paths

REGISTRY = standard()


def test_every_parameter_has_its_own_name_and_number() -> None:
    assert [p.number for p in REGISTRY.numbered] == list(range(len(REGISTRY.numbered)))
    assert len({p.name for p in REGISTRY.numbered}) == len(REGISTRY.numbered)


@pytest.mark.parametrize("resource", model.RESOURCE_TYPES)
def test_every_type_has_the_parameters_of_all_resources(resource: str) -> None:
    common = {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"}
    assert common <= set(REGISTRY.by_type[resource])


def test_a_shared_definition_is_cut_into_the_branch_of_each_type() -> None:
    found = REGISTRY.by_type["Observation"]["code"]
    assert found.expression == "Observation.code"
    assert REGISTRY.by_type["DeviceRequest"]["code"].expression == (
        "DeviceRequest.code as CodeableConcept"
    )


def test_branches_respect_parentheses_and_quotes() -> None:
    assert branches("(a as B) | (c | d).e | f.where(g='x | y')") == [
        "a as B",
        "(c | d).e",
        "f.where(g='x | y')",
    ]


@pytest.mark.parametrize(
    ("resource", "code", "keeper", "only"),
    [
        ("Observation", "patient", "subject", "Patient"),
        ("Appointment", "practitioner", "actor", "Practitioner"),
        ("Patient", "phonetic", "name", None),
        ("Observation", "subject", None, None),
        ("AllergyIntolerance", "patient", None, None),
    ],
)
def test_equal_values_are_kept_once(
    resource: str, code: str, keeper: str | None, only: str | None
) -> None:
    parameter = REGISTRY.by_type[resource][code]
    assert (parameter.stored_as and parameter.stored_as.code, parameter.only) == (keeper, only)
    assert parameter.kept.stored_as is None


def test_who_keeps_values_for_another_is_of_the_same_type_and_kind() -> None:
    for parameter in REGISTRY.numbered:
        if keeper := parameter.stored_as:
            assert (keeper.resource, keeper.kind) == (parameter.resource, parameter.kind)
            assert keeper.text is parameter.text
            assert keeper.identifier is parameter.identifier


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("Observation", "date"),
        ("Condition", "recorded-date"),
        ("MedicationRequest", "authoredon"),
        ("ExplanationOfBenefit", "created"),
        ("Patient", None),
        ("Organization", None),
    ],
)
def test_one_date_orders_a_type(resource: str, code: str | None) -> None:
    found = clinical(REGISTRY, resource)
    assert (found and found.code) == code


def test_at_most_one_date_orders_a_type() -> None:
    for resource in model.RESOURCE_TYPES:
        assert sum(p.clinical for p in REGISTRY.by_type[resource].values()) <= 1


def test_every_parameter_of_the_standard_is_compiled() -> None:
    extractor = Extractor(REGISTRY)
    plans = {resource: extractor.plan(resource) for resource in model.RESOURCE_TYPES}
    assert [p for plan in plans.values() for p in plan.beyond] == []
    # The resource within a document has no address that could be searched.
    nothing = [p.name for plan in plans.values() for p in plan.empty]
    assert nothing == ["Bundle.composition"]


@pytest.mark.parametrize(
    ("compartment", "resource", "codes"),
    [
        ("Patient", "Observation", {"subject", "performer"}),
        ("Patient", "AllergyIntolerance", {"patient", "recorder", "asserter"}),
        ("Patient", "Organization", set()),
        ("Encounter", "Observation", {"encounter"}),
        ("Nothing", "Observation", set()),
    ],
)
def test_references_that_make_a_compartment(
    compartment: str, resource: str, codes: set[str]
) -> None:
    assert {p.code for p in members(REGISTRY, compartment, resource)} == codes


# Custom parameters

MAIDEN: dict[str, Any] = {
    "resourceType": "SearchParameter",
    "url": "http://example.org/maiden",
    "name": "maiden",
    "status": "active",
    "description": "Mother's maiden name",
    "code": "mothers-maiden-name",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.extension('http://example.org/maiden').value",
}


def test_a_custom_parameter_joins_the_others() -> None:
    grown = REGISTRY.with_custom([json.dumps(MAIDEN).encode()])
    found = grown.find("Patient", "mothers-maiden-name")
    assert found is not None
    assert found.custom
    assert grown.numbered[found.number] is found
    assert REGISTRY.find("Patient", "mothers-maiden-name") is None
    assert grown.numbered[: len(REGISTRY.numbered)] == REGISTRY.numbered


@pytest.mark.parametrize(
    ("kind", "json_name", "expression"),
    [
        (
            "date",
            "Patient.extension.where(url = 'urn:e').valueDateTime",
            "Patient.extension.where(url = 'urn:e').value.ofType(dateTime)",
        ),
        (
            "token",
            "Patient.extension.where(valueCode = 'x').valueCoding.code",
            "Patient.extension.where(value.ofType(code) = 'x').value.ofType(Coding).code",
        ),
        ("date", "Patient.deceasedDateTime", "Patient.deceased.ofType(dateTime)"),
    ],
)
def test_the_json_name_of_a_choice_is_read_as_one_of_its_types(
    kind: str, json_name: str, expression: str
) -> None:
    def made(expression: str) -> tuple[Path, ...]:
        definition = MAIDEN | {"type": kind, "expression": expression}
        grown = REGISTRY.with_custom([json.dumps(definition).encode()])
        found = grown.find("Patient", "mothers-maiden-name")
        assert found is not None
        return paths(parse(found.expression), "Patient", Path((), "Patient"))

    assert made(json_name) == made(expression)


def test_a_custom_parameter_may_serve_all_resources() -> None:
    definition = MAIDEN | {"base": ["Resource"], "code": "lang", "type": "token"}
    definition["expression"] = "Resource.language"
    grown = REGISTRY.with_custom([json.dumps(definition).encode()])
    assert all("lang" in grown.by_type[resource] for resource in model.RESOURCE_TYPES)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": ""}, "incomplete"),
        ({"base": []}, "incomplete"),
        ({"expression": ""}, "incomplete"),
        ({"code": "a:b"}, "code"),
        ({"code": "x y"}, "code"),
        ({"type": "special"}, "type"),
        ({"type": "picture"}, "type"),
        ({"expression": "Patient.name.("}, "expression"),
        ({"expression": "Patient.nonsense"}, "meaning"),
        ({"expression": "Observation.code"}, "meaning"),
        ({"expression": "Patient.deceasedPeriod"}, "meaning"),
        ({"code": "birthdate"}, "twice"),
        ({"component": [{"definition": "http://x", "expression": "code"}]}, "components"),
        ({"type": "composite"}, "components"),
        ({"base": "Patient"}, "unreadable"),
    ],
)
def test_a_wrong_definition_is_refused(change: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused) as refusal:
        REGISTRY.with_custom([json.dumps(MAIDEN | change).encode()])
    [issue] = refusal.value.issues
    assert issue.key == f"fhir.search-definition-{key}"
    assert str(issue.at).startswith("SearchParameter")


def test_an_unknown_base_is_refused() -> None:
    with pytest.raises(Refused, match="unknown-type"):
        REGISTRY.with_custom([json.dumps(MAIDEN | {"base": ["Dragon"]}).encode()])


def test_a_component_must_be_defined() -> None:
    component = [{"definition": "http://example.org/none", "expression": "family"}]
    change = {"type": "composite", "expression": "Patient.name", "component": component}
    with pytest.raises(Refused, match="definition-unknown"):
        REGISTRY.with_custom([json.dumps(MAIDEN | change).encode()])


def test_what_cannot_be_used_is_told_from_what_can() -> None:
    parts = [
        {"definition": f"{MAIDEN['url']}/{name}", "expression": "family"} for name in ("a", "z")
    ]
    pair = {"type": "composite", "code": "pair", "expression": "Patient.name", "component": parts}
    changes: list[dict[str, Any]] = [
        pair | {"url": "urn:pair"},
        {"url": f"{MAIDEN['url']}/a", "code": "a"},
        {"base": ["Patient", "Person"], "code": "birthdate", "expression": "extension('x').value"},
        {"expression": "Patient.nonsense", "code": "b"},
        {"url": f"{MAIDEN['url']}/z", "code": "z"},
        {"url": "urn:again", "code": "a"},
        pair | {"url": "urn:other", "code": "other", "component": [parts[0] | {"definition": "x"}]},
    ]
    resources = [json.dumps(MAIDEN | change).encode() for change in changes]
    misfits = REGISTRY.misfits(resources)
    found = {place: refused.issues[0].key.rpartition("-")[2] for place, refused in misfits.items()}
    assert found == {2: "twice", 3: "meaning", 5: "twice", 6: "unknown"}
    grown = REGISTRY.with_custom(r for place, r in enumerate(resources) if place not in misfits)
    assert {"a", "z", "pair"} <= set(grown.by_type["Patient"])


@pytest.mark.parametrize("content", [b"", b"[]", b"nonsense", b'{"url": 5}'])
def test_what_is_no_search_parameter_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="unreadable"):
        REGISTRY.with_custom([content])
