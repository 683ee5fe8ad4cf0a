"""What the tables say of R4 is what the specification says."""

from __future__ import annotations

import msgspec
import pytest

from xinglin.fhir.r4 import model, struct

TYPES = [*model.RESOURCE_TYPES, "HumanName", "Extension", "ElementDefinition", "Patient.contact"]


def test_a_choice_is_one_element_with_all_its_types() -> None:
    value = model.element("Observation", "value")
    assert value is not None
    assert value.choice
    assert value.types[:2] == ("Quantity", "CodeableConcept")
    assert model.element("Observation", "valueQuantity") is None
    assert model.properties("Observation")["valueQuantity"] == (value, "Quantity")


def test_an_open_choice_names_every_type() -> None:
    value = model.element("Extension", "value")
    assert value is not None
    assert len(value.types) == 50


@pytest.mark.parametrize(
    ("type_name", "name", "types", "many"),
    [
        ("Patient", "id", ("id",), False),
        ("Patient", "contact", ("Patient.contact",), True),
        ("Patient.contact", "name", ("HumanName",), False),
        ("Patient.contact", "modifierExtension", ("Extension",), True),
        ("Observation.component", "referenceRange", ("Observation.referenceRange",), True),
        ("Questionnaire.item", "item", ("Questionnaire.item",), True),
        ("Age", "value", ("decimal",), False),
        ("Bundle.entry", "resource", ("Resource",), False),
        ("Patient", "contained", ("Resource",), True),
        ("Extension", "url", ("uri",), False),
    ],
)
def test_elements_own_and_inherited(
    type_name: str, name: str, types: tuple[str, ...], many: bool
) -> None:
    element = model.element(type_name, name)
    assert element is not None
    assert (element.types, element.many) == (types, many)


def test_what_does_not_exist_is_none() -> None:
    assert model.element("Patient", "nothing") is None
    assert model.element("Nothing", "id") is None
    assert model.parent("Nothing") is None
    assert model.codes("http://example.org/nothing") == ()
    with pytest.raises(KeyError):
        struct("Nothing")
    with pytest.raises(KeyError):
        struct("code")


def test_parents_and_kinds() -> None:
    assert model.parent("Age") == "Quantity"
    assert model.parent("code") == "string"
    assert model.parent("Patient") == "DomainResource"
    assert model.parent("DomainResource") == "Resource"
    assert model.parent("Resource") is None
    assert model.is_resource("DomainResource")
    assert not model.is_resource("HumanName")
    assert model.is_primitive("dateTime")
    assert not model.is_primitive("Period")
    assert len(model.RESOURCE_TYPES) == 146
    assert "DomainResource" not in model.RESOURCE_TYPES


def test_references_know_their_targets() -> None:
    subject = model.element("Condition", "subject")
    assert subject is not None
    assert subject.targets == ("Group", "Patient")


def test_every_search_parameter_is_on_a_known_type_and_unique_there() -> None:
    seen: set[tuple[str, str]] = set()
    for parameter in model.search_parameters():
        for base in parameter.base:
            assert model.is_resource(base)
            assert (base, parameter.code) not in seen
            seen.add((base, parameter.code))
    assert ("Observation", "code-value-quantity") in seen
    assert len(seen) > 1600


def test_parts_of_composites_are_parameters_themselves() -> None:
    urls = {parameter.url for parameter in model.search_parameters()}
    for parameter in model.search_parameters():
        assert (parameter.type == "composite") == bool(parameter.component)
        assert {url for url, _ in parameter.component} <= urls


def test_compartments_name_search_parameters() -> None:
    assert sorted(model.compartments()) == [
        "Device",
        "Encounter",
        "Patient",
        "Practitioner",
        "RelatedPerson",
    ]
    assert model.compartments()["Patient"]["Observation"] == ("subject", "performer")


def test_properties_that_hold_uris() -> None:
    assert {"url", "system", "valueUri", "valueCanonical", "fullUrl"} <= model.URI_ELEMENTS
    assert not {"reference" + "Text", "display", "valueString"} & model.URI_ELEMENTS


@pytest.mark.parametrize("type_name", TYPES)
def test_the_struct_of_a_type_has_exactly_its_properties(type_name: str) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(struct(type_name))}
    assert {name for name in fields if not name.startswith("_")} == set(model.properties(type_name))
    assert {name[1:] for name in fields if name.startswith("_")} <= set(model.properties(type_name))


@pytest.mark.parametrize("type_name", TYPES)
def test_a_required_code_has_a_list_or_none_by_right(type_name: str) -> None:
    without_list = {"http://hl7.org/fhir/ValueSet/mimetypes"}
    for element in model.elements(type_name).values():
        if element.binding and element.types == ("code",) and element.binding not in without_list:
            assert model.codes(element.binding)
