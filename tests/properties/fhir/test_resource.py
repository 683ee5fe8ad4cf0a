"""Resources at the border: what R4 allows comes through untouched, what it forbids is refused
with the place and a sentence in both languages."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.json import compact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.resource import assemble, parse
from xinglin.fhir.wording import sentence

EXTENSION = {"url": "http://example.org/why", "valueCode": "masked"}

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "3", "profile": ["http://example.org/p"], "tag": [{"code": "x"}]},
    "text": {"status": "generated", "div": '<div xmlns="x">a "" {} [] ,null \\u0022</div>'},
    "contained": [
        {"resourceType": "Organization", "id": "o", "name": "华西", "alias": ["a"]},
        {"resourceType": "Practitioner", "name": [{"family": "Wu"}]},
    ],
    "extension": [
        {"url": "http://example.org/a", "extension": [{"url": "b", "valueDecimal": 1.5}]},
        {"url": "http://example.org/c", "valueHumanName": {"text": "x"}},
    ],
    "identifier": [{"system": "urn:oid:1.2.3", "value": "42"}],
    "name": [
        {"use": "official", "given": ["Mary", "Ann"], "_given": [None, {"id": "g"}]},
        {"given": [None, "x"], "_given": [{"extension": [EXTENSION]}, None]},
    ],
    "gender": "female",
    "birthDate": "1980-02-29",
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "Li"}, "period": {"start": "2020"}}],
    "photo": [{"contentType": "image/png", "data": "QUJD"}],
    "generalPractitioner": [{"reference": "#o"}],
}

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "BP"}]},
    "effectiveDateTime": "2021-03-04T05:06:07.89+08:00",
    "issued": "2021-03-04T05:06:07Z",
    "component": [
        {"code": {"text": "systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}},
        {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80.5, "unit": "mmHg"}},
    ],
}

ENCOUNTER: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"system": "http://example.org/class", "code": "AMB"},
}

RESOURCES = st.sampled_from([PATIENT, OBSERVATION, ENCOUNTER])


def _bytes(resource: object) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode()


def _refused(resource: object) -> Issue:
    """The issue, whose sentence must be complete in both languages."""
    with pytest.raises(Refused) as refusal:
        parse(resource if isinstance(resource, bytes) else _bytes(resource))
    issue = refusal.value.issues[0]
    for language in ("en", "zh"):
        text = sentence(issue, language)
        assert text != issue.key
        assert "{" not in text or "{" in str(issue.given)
    return issue


def _with(resource: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**resource, **members}


def _containers(value: Any, place: str) -> Iterator[tuple[Any, str]]:
    """Every object within, with its place."""
    if isinstance(value, dict):
        yield value, place
        for name, inner in value.items():
            yield from _containers(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _containers(inner, f"{place}[{n}]")


@st.composite
def spoilable(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A copy of a good resource, one of the objects inside it, and that object's place."""
    resource = copy.deepcopy(draw(RESOURCES))
    places = list(_containers(resource, resource["resourceType"]))
    inside, place = draw(st.sampled_from(places))
    return resource, inside, place


# --- what is good ---------------------------------------------------------------------------


@pytest.mark.parametrize("resource", [PATIENT, OBSERVATION, ENCOUNTER])
def test_a_good_resource_comes_out_as_it_went_in(resource: dict[str, Any]) -> None:
    parsed = parse(_bytes(resource))
    again = parse_exact(assemble(parsed.type, "n", "1", "t", parsed.meta, parsed.body))
    expected = copy.deepcopy(resource)
    meta = {k: v for k, v in expected.get("meta", {}).items() if k != "versionId"}
    expected.update({"id": "n", "meta": {"versionId": "1", "lastUpdated": "t", **meta}})
    assert again == parse_exact(_bytes(expected))
    assert parsed.id == resource.get("id")


@given(RESOURCES, st.randoms(use_true_random=False))
def test_the_order_of_members_is_kept_wherever_id_and_meta_stand(
    resource: dict[str, Any], random: Any
) -> None:
    members = list(resource.items())
    random.shuffle(members)
    parsed = parse(_bytes(dict(members)))
    rest = {k: v for k, v in members if k not in {"resourceType", "id", "meta"}}
    assert parsed.body == compact(_bytes(rest))


@pytest.mark.parametrize("number", ["1.10", "1e3", "1E-2", "0.000", "-0.0", "123456789012345678.9"])
def test_a_decimal_keeps_its_digits(number: str) -> None:
    observation = _bytes(OBSERVATION).replace(b"80.5", number.encode())
    assert number.encode() in parse(observation).body


def test_a_resource_without_body_or_meta() -> None:
    parsed = parse(
        b'{"resourceType":"Patient","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}'
    )
    assert (parsed.id, parsed.meta, parsed.body) == (None, None, b"{}")
    whole = assemble("Patient", "a", "1", "t", None, b"{}")
    assert (
        whole == b'{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"t"}}'
    )


@pytest.mark.parametrize(
    "date",
    ["2021", "2021-02", "2020-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2021-04-30"],
)  # fmt: skip
def test_dates_that_exist_are_good(date: str) -> None:
    assert parse(_bytes(_with(PATIENT, birthDate=date))).type == "Patient"


def test_a_required_code_may_give_way_to_an_extension() -> None:
    observation = _with(OBSERVATION, _status={"extension": [EXTENSION]})
    del observation["status"]
    assert parse(_bytes(observation)).type == "Observation"


def test_a_choice_and_its_own_extension_are_one() -> None:
    extended = _with(OBSERVATION, _effectiveDateTime={"extension": [EXTENSION]})
    assert parse(_bytes(extended)).type == "Observation"


def test_only_what_is_expected_is_taken() -> None:
    assert parse(_bytes(PATIENT), expected="Patient").type == "Patient"
    with pytest.raises(Refused) as refusal:
        parse(_bytes(PATIENT), expected="Observation")
    assert refusal.value.issues[0].key == "fhir.resource-type-other"


def test_entries_are_left_alone_when_asked() -> None:
    bundle = _bytes(
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"bad": 1}}]}
    )
    assert parse(bundle, entries=False).type == "Bundle"
    assert _refused(bundle).at == "Bundle.entry[0].resource"


# --- what is bad ----------------------------------------------------------------------------


@given(spoilable())
def test_an_unknown_element_is_refused_at_its_place(
    spoiled: tuple[dict[str, Any], dict[str, Any], str],
) -> None:
    resource, inside, place = spoiled
    inside["wrong"] = "x"
    issue = _refused(resource)
    assert (issue.code, issue.key) == ("structure", "fhir.unknown-element")
    assert issue.at == f"{place}.wrong"


@given(spoilable(), st.data())
def test_nothing_may_be_null_or_empty(
    spoiled: tuple[dict[str, Any], dict[str, Any], str], data: st.DataObject
) -> None:
    resource, inside, place = spoiled
    name = data.draw(st.sampled_from([n for n in inside if n != "resourceType"] or ["id"]))
    empties: list[Any] = [None, "", [], {}]
    empty = data.draw(st.sampled_from(empties))
    inside[name] = empty
    issue = _refused(resource)
    assert issue.at == f"{place}.{name}"


@given(spoilable(), st.data())
def test_a_wrong_type_is_refused_at_its_place(
    spoiled: tuple[dict[str, Any], dict[str, Any], str], data: st.DataObject
) -> None:
    resource, inside, place = spoiled
    name = data.draw(st.sampled_from([n for n in inside if n != "resourceType"] or ["id"]))
    was = inside.get(name)
    others: list[Any] = [7, True, ["x"], {"id": "x"}, "x"]
    wrong = data.draw(st.sampled_from([o for o in others if not _same_kind(o, was)]))
    inside[name] = wrong
    at = _refused(resource).at
    assert at is not None
    assert at.startswith(f"{place}.{name}")


def _same_kind(one: Any, other: Any) -> bool:
    kinds = {int: float}
    return kinds.get(type(one), type(one)) is kinds.get(type(other), type(other)) or (
        other is None and isinstance(one, str)
    )


@given(spoilable(), st.data())
def test_a_member_given_twice_is_refused_at_any_depth(
    spoiled: tuple[dict[str, Any], dict[str, Any], str], data: st.DataObject
) -> None:
    resource, inside, place = spoiled
    if not inside:
        return
    name = data.draw(st.sampled_from(sorted(inside)))
    inside["@@"] = inside[name]
    twice = _bytes(resource).replace(b'"@@"', json.dumps(name).encode())
    issue = _refused(twice)
    assert (issue.key, issue.at) == ("fhir.element-twice", f"{place}.{name}")


@given(spoilable(), st.data())
def test_escaped_quotes_do_not_hide_a_member_given_twice(
    spoiled: tuple[dict[str, Any], dict[str, Any], str], data: st.DataObject
) -> None:
    resource, inside, _ = spoiled
    name = data.draw(st.sampled_from(sorted(inside)))
    inside["@@"] = inside[name]
    twice = _bytes(resource).replace(b'"@@"', json.dumps(name).encode())
    for quotes in range(1, 5):
        hidden = twice.replace(b"<div xmlns", b"<div \\u0022" + b"\\u0022" * quotes + b" xmlns")
        assert _refused(hidden).key == "fhir.element-twice"


@pytest.mark.parametrize(
    "date",
    [
        *("2021-02-30", "2021-02-29", "1900-02-29", "2021-04-31", "2021-13-01", "2021-00-01"),
        *("2021-01-00", "2021-01-32", "20210101", "0000-01-01", "21-01-01", "2021-1-1"),
        *("2021-01-01 ", "2021-01-01\n", "2021-01-01T00:00:00Z", "２０２１-01-01", "yesterday"),
    ],
)
def test_dates_that_do_not_exist_are_refused(date: str) -> None:
    issue = _refused(_with(PATIENT, birthDate=date))
    assert (issue.code, issue.key, issue.at) == ("value", "fhir.bad-date", "Patient.birthDate")


@pytest.mark.parametrize(
    "instant",
    [
        *("2021-01-01", "2021-01-01T00:00:00", "2021-01-01T24:00:00Z", "2021-01-01T00:60:00Z"),
        *("2021-01-01T00:00:00+15:00", "2021-02-29T00:00:00Z", "2021-01-01T00:00Z"),
        *("2021-01-01T00:00:00.Z", "2021-01-01t00:00:00z"),
    ],
)
def test_instants_need_a_day_that_exists_and_a_zone(instant: str) -> None:
    assert _refused(_with(OBSERVATION, issued=instant)).key == "fhir.bad-instant"


@pytest.mark.parametrize(
    ("members", "key", "at"),
    [
        ({"id": "a/b"}, "fhir.bad-id", "Patient.id"),
        ({"id": "x" * 65}, "fhir.bad-id", "Patient.id"),
        ({"gender": "Female"}, "fhir.code-not-in-value-set", "Patient.gender"),
        ({"language": "en "}, "fhir.bad-code", "Patient.language"),
        ({"implicitRules": "a b"}, "fhir.bad-uri", "Patient.implicitRules"),
        ({"photo": [{"data": "QUJ"}]}, "fhir.bad-base64Binary", "Patient.photo[0].data"),
        ({"photo": [{"data": "Q=JD"}]}, "fhir.bad-base64Binary", "Patient.photo[0].data"),
        ({"photo": [{"size": -1}]}, "fhir.out-of-range", "Patient.photo[0].size"),
        ({"multipleBirthInteger": 2**31}, "fhir.out-of-range", "Patient.multipleBirthInteger"),
        ({"multipleBirthInteger": 10**30}, "fhir.out-of-range", "Patient.multipleBirthInteger"),
        ({"multipleBirthInteger": 1.0}, "fhir.wrong-type", "Patient.multipleBirthInteger"),
        ({"deceasedDateTime": "2020"}, "fhir.choice-twice", "Patient.deceased"),
        ({"_deceasedDateTime": {"id": "x"}}, "fhir.choice-twice", "Patient.deceased"),
        ({"name": [{"given": [None]}]}, "fhir.null", "Patient.name[0].given[0]"),
        ({"name": [{"given": ["a", None]}]}, "fhir.null", "Patient.name[0].given[1]"),
        ({"name": [{"_given": [None]}]}, "fhir.null", "Patient.name[0]._given[0]"),
        ({"name": [None]}, "fhir.null", "Patient.name[0]"),
        ({"link": [{"type": "refer"}]}, "fhir.element-missing", "Patient.link[0].other"),
        ({"contained": [{"id": "x"}]}, "fhir.resource-type-missing", "Patient.contained[0]"),
        ({"contained": ["x"]}, "fhir.not-an-object", "Patient.contained[0]"),
        ({"resourceType": "Pasient"}, "fhir.resource-type-unknown", None),
        ({"resourceType": "DomainResource"}, "fhir.resource-type-unknown", None),
        ({"resourceType": 5}, "fhir.resource-type-missing", None),
        ({"_id": {"id": "x"}}, "fhir.unknown-element", "Patient._id"),
        ({"a` - at `$.gender.x": 1}, "fhir.unknown-element", None),
    ],
)  # fmt: skip
def test_what_r4_forbids(members: dict[str, Any], key: str, at: str | None) -> None:
    issue = _refused(_with(PATIENT, **members))
    assert issue.key == key
    assert at is None or issue.at == at


def test_an_extension_has_one_value() -> None:
    extension = {"url": "http://example.org/x", "valueCode": "a", "_valueString": {"id": "b"}}
    issue = _refused(_with(PATIENT, extension=[extension]))
    assert (issue.key, issue.at) == ("fhir.choice-twice", "Patient.extension[0].value")


def test_a_required_choice_is_missed() -> None:
    request = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    issue = _refused({**request, "subject": {"reference": "Patient/1"}})
    assert (issue.code, issue.at) == ("required", "MedicationRequest.medication")


def test_a_wrong_code_is_answered_with_the_right_ones() -> None:
    issue = _refused(_with(PATIENT, gender="F"))
    assert issue.given["codes"] == "female, male, other, unknown"


@pytest.mark.parametrize(
    "value",
    [
        '"80.5"',
        '"NaN"',
        '""',
        "true",
        "null",
        "1e99999999999999999999",
        "1e999",
        "-1e-999",
        "0e999",
        "9" * 400,
    ],
)
def test_a_decimal_is_a_number(value: str) -> None:
    issue = _refused(_bytes(OBSERVATION).replace(b"80.5", value.encode()))
    assert issue.at == "Observation.component[1].valueQuantity.value"


@pytest.mark.parametrize("document", ["[]", "1", "null", '"Patient"', "{}"])
def test_what_is_not_a_resource(document: str) -> None:
    assert _refused(document.encode()).code == "structure"


def test_resources_in_bundles_and_parameters_are_refused_at_their_place() -> None:
    bad = _with(PATIENT, birthDate="2021-02-30")
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": bad}]}
    assert _refused(bundle).at == "Bundle.entry[0].resource.birthDate"
    part = {"name": "a", "part": [{"name": "b", "resource": bundle}]}
    parameters = {"resourceType": "Parameters", "parameter": [part]}
    place = "Parameters.parameter[0].part[0].resource.entry[0].resource.birthDate"
    assert _refused(parameters).at == place


@pytest.mark.parametrize("depth", [60, 2_000])
def test_extensions_nested_without_end_are_refused(depth: int) -> None:
    nested = '{"url":"u","extension":[' * depth + '{"url":"u"}' + "]}" * depth
    document = f'{{"resourceType":"Basic","code":{{"text":"x"}},"extension":[{nested}]}}'
    assert _refused(document.encode()).key == "fhir.json-too-deep"


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse(data)


@given(RESOURCES, st.data())
def test_no_damage_does_more_than_be_refused(resource: dict[str, Any], data: st.DataObject) -> None:
    document = bytearray(_bytes(resource))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(document) - 1))
        document[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        parsed = parse(bytes(document))
    except Refused as refused:
        assert refused.issues[0].key.startswith("fhir.")
    else:
        assert compact(assemble(parsed.type, "x", "1", "t", parsed.meta, parsed.body))
