"""$everything: the whole record of one patient, and what it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.kit.server import client

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        for type, id, more in RECORD:
            answer = found.put(f"{type}/{id}", json={"resourceType": type, "id": id, **more})
            assert answer.status_code == 201, answer.text
        yield found


ANNA = {"reference": "Patient/anna"}
RECORD: list[tuple[str, str, Json]] = [
    ("Organization", "hospital", {"name": "Hospital"}),
    ("Organization", "elsewhere", {"name": "Nobody refers to it"}),
    ("Location", "ward", {"managingOrganization": {"reference": "Organization/hospital"}}),
    ("Practitioner", "doctor", {"name": [{"family": "Lin"}]}),
    ("Patient", "anna", {"name": [{"family": "Anna"}]}),
    ("Patient", "bert", {"name": [{"family": "Bert"}]}),
    (
        "Encounter",
        "stay",
        {
            "status": "finished",
            "class": {"code": "IMP"},
            "subject": ANNA,
            "period": {"start": "2020-05-01", "end": "2020-05-09"},
            "location": [{"location": {"reference": "Location/ward"}}],
        },
    ),
    *(
        (
            "Observation",
            f"o{number}",
            {
                "status": "final",
                "code": {"text": "pulse"},
                "subject": ANNA,
                "encounter": {"reference": "Encounter/stay"} if number < 3 else None,
                "performer": [{"reference": "Practitioner/doctor"}],
                "effectiveDateTime": f"202{number}-05-03",
            },
        )
        for number in range(6)
    ),
    ("AllergyIntolerance", "nuts", {"patient": ANNA}),
    (
        "Observation",
        "other",
        {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/bert"}},
    ),
]
for _type, _id, _more in RECORD:
    if _more.get("encounter", ...) is None:
        del _more["encounter"]

ANNAS = {
    "Patient/anna",
    "Encounter/stay",
    "AllergyIntolerance/nuts",
    *(f"Observation/o{number}" for number in range(6)),
}
AROUND = {"Practitioner/doctor", "Location/ward", "Organization/hospital"}


def names(bundle: Json, mode: str | None = None) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle.get("entry", ())
        if mode in (None, entry["search"]["mode"])
    ]


def everything(fhir: httpx.Client, path: str = "Patient/anna", **given: str | int) -> Json:
    answer = fhir.get(f"{path}/$everything", params=given)
    assert answer.status_code == 200, answer.text
    bundle: Json = answer.json()
    assert bundle["type"] == "searchset"
    return bundle


def test_all_of_the_patient_and_what_that_refers_to(fhir: httpx.Client) -> None:
    bundle = everything(fhir)
    assert set(names(bundle, "match")) == ANNAS
    assert set(names(bundle, "include")) == AROUND
    assert names(bundle)[0] == "Patient/anna"
    assert len(names(bundle)) == len(ANNAS | AROUND)


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_pages_hold_each_resource_once(fhir: httpx.Client, count: int) -> None:
    found: list[str] = []
    bundle = everything(fhir, _count=count)
    while True:
        assert len(names(bundle, "match")) <= count
        found += names(bundle, "match")
        address = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not address:
            break
        bundle = fhir.get(address[0]).json()
    assert sorted(found) == sorted(ANNAS)


def test_parameters_may_come_in_a_body(fhir: httpx.Client) -> None:
    parameter = [{"name": "_count", "valueInteger": 2}, {"name": "_type", "valueCode": "Patient"}]
    body = {"resourceType": "Parameters", "parameter": parameter}
    answer = fhir.post("Patient/anna/$everything", json=body)
    assert names(answer.json()) == ["Patient/anna"]
    assert fhir.post("Patient/anna/$everything", content=b"[]").status_code == 400


def test_only_some_types(fhir: httpx.Client) -> None:
    assert names(everything(fhir, _type="Encounter,Location")) == [
        "Encounter/stay",
        "Location/ward",
    ]


def test_only_care_of_some_dates(fhir: httpx.Client) -> None:
    bundle = everything(fhir, start="2021-01-01", end="2022-12-31")
    dated = {"Observation/o1", "Observation/o2"}
    assert set(names(bundle, "match")) == dated | {"Patient/anna", "AllergyIntolerance/nuts"}


def test_only_what_changed_since(fhir: httpx.Client) -> None:
    assert names(everything(fhir, _since="2999-01-01T00:00:00Z")) == []
    assert set(names(everything(fhir, _since="2000-01-01T00:00:00Z"), "match")) == ANNAS


def test_everything_of_a_stay(fhir: httpx.Client) -> None:
    bundle = everything(fhir, "Encounter/stay")
    inside = {"Encounter/stay", *(f"Observation/o{number}" for number in range(3))}
    assert set(names(bundle, "match")) == inside
    assert set(names(bundle, "include")) == AROUND | {"Patient/anna"}


def test_the_record_as_it_was() -> None:
    with client() as fhir:
        fhir.put("Patient/p", json={"resourceType": "Patient", "id": "p"})
        kind = {"resourceType": "Observation", "id": "o", "code": {"text": "x"}}
        subject = {"subject": {"reference": "Patient/p"}}
        first = fhir.put("Observation/o", json={**kind, **subject, "status": "preliminary"}).json()
        fhir.put("Observation/o", json={**kind, **subject, "status": "final"})
        fhir.delete("Observation/o")
        then = everything(fhir, "Patient/p", _at=first["meta"]["lastUpdated"])
        assert {entry["resource"].get("status") for entry in then["entry"]} == {None, "preliminary"}
        assert names(everything(fhir, "Patient/p")) == ["Patient/p"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Patient/nobody/$everything", 404),
        ("Patient/anna/$everything?_count=0", 400),
        ("Patient/anna/$everything?_count=x", 400),
        ("Patient/anna/$everything?_type=Banana", 400),
        ("Patient/anna/$everything?_since=soon", 400),
        ("Patient/anna/$everything?_cursor=999.", 400),
        ("Patient/anna/$everything?_cursor=0.x", 400),
        ("Encounter/stay/$everything?_at=2020-01-01", 400),
        ("Observation/o1/$everything", 404),
    ],
)
def test_what_cannot_be_answered_is_refused(fhir: httpx.Client, path: str, status: int) -> None:
    answer = fhir.get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_labels_are_added_and_removed(fhir: httpx.Client) -> None:
    def call(name: str, **meta: Any) -> Json:
        parameter = {"name": "meta", "valueMeta": meta}
        body = {"resourceType": "Parameters", "parameter": [parameter]}
        answer = fhir.post(f"Patient/bert/${name}", json=body)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()["parameter"][0]["valueMeta"]
        return found

    tag = {"system": "urn:test", "code": "t"}
    assert call("meta-add", tag=[tag], profile=["http://example.org/p"])["tag"] == [tag]
    again = call("meta-add", tag=[tag | {"display": "T"}])
    assert again["tag"] == [tag]
    shown = fhir.get("Patient/bert/$meta").json()["parameter"][0]["valueMeta"]
    assert shown == again
    for level in ("$meta", "Patient/$meta"):
        in_use = fhir.get(level).json()["parameter"][0]["valueMeta"]
        assert in_use == {"profile": ["http://example.org/p"], "tag": [tag]}
    assert "tag" not in call("meta-delete", tag=[tag])
    assert fhir.get("Patient/bert").json()["name"] == [{"family": "Bert"}]


def test_where_nothing_has_a_label_there_is_no_parameter() -> None:
    with client() as fhir:
        for level in ("$meta", "Patient/$meta"):
            assert fhir.get(level).json() == {"resourceType": "Parameters"}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"resourceType":"Parameters"}',
        b'{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":"x"}}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"a":1}]}}]}',
    ],
)
def test_labels_that_are_none_are_refused(fhir: httpx.Client, body: bytes) -> None:
    answer = fhir.post("Patient/bert/$meta-add", content=body)
    assert answer.status_code in (400, 422), answer.text
