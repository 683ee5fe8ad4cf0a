"""Transactions: all entries or none, whatever way they point at one another."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.kit.server import client, issue, newest

_numbers = count()
Entry = dict[str, Any]


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        yield found


@pytest.fixture
def licence() -> str:
    """An identifier that nobody has yet."""
    return f"licence-{next(_numbers)}"


def bundle(*entries: Entry) -> Entry:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def entry(method: str, url: str, resource: Entry | None = None, **more: Any) -> Entry:
    full_url = {"fullUrl": more.pop("full_url")} if "full_url" in more else {}
    body = {"resource": resource} if resource else {}
    return full_url | body | {"request": {"method": method, "url": url, **more}}


def patient(**more: Any) -> Entry:
    return {"resourceType": "Patient", **more}


def weight(of: str, **more: Any) -> Entry:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": of},
        **more,
    }


def practitioner(licence: str) -> Entry:
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:licences", "value": licence}],
    }


def answers(response: httpx.Response) -> list[Entry]:
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["type"] == "transaction-response"
    return [each["response"] for each in body["entry"]]


def at(fhir: httpx.Client, answer: Entry) -> Entry:
    """The resource that an entry was answered to have written."""
    found: Entry = fhir.get(answer["location"]).json()
    return found


def test_links_between_entries_become_real(fhir: httpx.Client) -> None:
    urn = "urn:uuid:6b8a3c1e-9d0f-4c51-8a8e-0f8c1c2a7a01"
    told = answers(
        fhir.post(
            "",
            json=bundle(
                entry("POST", "Observation", weight(urn)),
                entry("POST", "Patient", patient(), full_url=urn),
            ),
        )
    )
    assert [answer["status"] for answer in told] == ["201", "201"]
    observation, person = at(fhir, told[0]), at(fhir, told[1])
    assert observation["subject"]["reference"] == f"Patient/{person['id']}"
    assert told[0]["etag"] == 'W/"1"'
    assert told[0]["lastModified"] == observation["meta"]["lastUpdated"]


def test_links_may_run_in_a_circle(fhir: httpx.Client) -> None:
    one, other = (
        "urn:uuid:0a0c4d5e-0000-4000-8000-000000000001",
        "urn:uuid:0a0c4d5e-0000-4000-8000-000000000002",
    )
    told = answers(
        fhir.post(
            "",
            json=bundle(
                entry(
                    "POST",
                    "Observation",
                    weight("Patient/x", hasMember=[{"reference": other}]),
                    full_url=one,
                ),
                entry(
                    "POST",
                    "Observation",
                    weight("Patient/x", hasMember=[{"reference": one}]),
                    full_url=other,
                ),
            ),
        )
    )
    first, second = (at(fhir, answer) for answer in told)
    assert first["hasMember"][0]["reference"] == f"Observation/{second['id']}"
    assert second["hasMember"][0]["reference"] == f"Observation/{first['id']}"


def test_a_conditional_reference_finds_who_is_meant(fhir: httpx.Client, licence: str) -> None:
    doctor = fhir.post("Practitioner", json=practitioner(licence)).json()["id"]
    by = [{"reference": f"Practitioner?identifier=urn:licences|{licence}"}]
    [told] = answers(
        fhir.post("", json=bundle(entry("POST", "Observation", weight("Patient/x", performer=by))))
    )
    assert at(fhir, told)["performer"][0]["reference"] == f"Practitioner/{doctor}"


@pytest.mark.parametrize("doctor_first", [True, False])
def test_a_conditional_reference_finds_who_is_created_with_it(
    fhir: httpx.Client, licence: str, doctor_first: bool
) -> None:
    by = [{"reference": f"Practitioner?identifier=urn:licences|{licence}"}]
    entries = [
        entry("POST", "Practitioner", practitioner(licence)),
        entry("POST", "Observation", weight("Patient/x", performer=by)),
    ]
    told = answers(fhir.post("", json=bundle(*(entries if doctor_first else entries[::-1]))))
    doctor, observation = (at(fhir, answer) for answer in (told if doctor_first else told[::-1]))
    assert observation["performer"][0]["reference"] == f"Practitioner/{doctor['id']}"


@pytest.mark.parametrize("number", [0, 2])
def test_a_conditional_reference_to_nobody_or_several(
    fhir: httpx.Client, licence: str, number: int
) -> None:
    for _ in range(number):
        fhir.post("Practitioner", json=practitioner(licence))
    before = newest(fhir)
    by = [{"reference": f"Practitioner?identifier=urn:licences|{licence}"}]
    refused = fhir.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient()),
            entry("POST", "Observation", weight("Patient/x", performer=by)),
        ),
    )
    assert refused.status_code == 412
    assert issue(refused)["expression"][0].startswith("Bundle.entry[1]")
    assert newest(fhir) == before


def test_one_bad_entry_undoes_all(fhir: httpx.Client) -> None:
    before = newest(fhir)
    refused = fhir.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient()),
            entry("DELETE", "Patient/none"),
            entry("POST", "Patient", patient(gender="dragon")),
        ),
    )
    assert refused.status_code == 422
    assert issue(refused)["expression"] == ["Bundle.entry[2].resource.gender"]
    assert newest(fhir) == before


def test_entries_are_carried_out_in_the_order_of_the_standard(fhir: httpx.Client) -> None:
    """GET last, DELETE first, answers where the entries stood."""
    old = fhir.post("Patient", json=patient(gender="male")).json()["id"]
    told = fhir.post(
        "",
        json=bundle(
            entry("GET", "Patient/in-order"),
            entry("PUT", "Patient/in-order", patient(id="in-order", gender="other")),
            entry("GET", f"Patient?_id={old},in-order"),
            entry("DELETE", f"Patient/{old}"),
        ),
    )
    assert [answer["status"] for answer in answers(told)] == ["200", "201", "200", "204"]
    read, _, search, _ = told.json()["entry"]
    assert read["resource"]["gender"] == "other"
    assert [hit["resource"]["id"] for hit in search["resource"]["entry"]] == ["in-order"]


def test_what_a_transaction_reads_and_finds_missing_undoes_it(fhir: httpx.Client) -> None:
    before = newest(fhir)
    refused = fhir.post(
        "", json=bundle(entry("POST", "Patient", patient()), entry("GET", "Patient/nobody"))
    )
    assert refused.status_code == 404
    assert newest(fhir) == before


def test_a_conditional_create_that_finds_somebody_lends_its_identity(
    fhir: httpx.Client, licence: str
) -> None:
    doctor = fhir.post("Practitioner", json=practitioner(licence)).json()["id"]
    urn = "urn:uuid:7a8a3c1e-9d0f-4c51-8a8e-0f8c1c2a7a77"
    condition = f"identifier=urn:licences|{licence}"
    told = answers(
        fhir.post(
            "",
            json=bundle(
                entry(
                    "POST",
                    "Practitioner",
                    practitioner(licence),
                    full_url=urn,
                    ifNoneExist=condition,
                ),
                entry("POST", "Observation", weight("Patient/x", performer=[{"reference": urn}])),
            ),
        )
    )
    assert [answer["status"] for answer in told] == ["200", "201"]
    assert at(fhir, told[1])["performer"][0]["reference"] == f"Practitioner/{doctor}"


def test_conditional_update_patch_and_delete_as_entries(fhir: httpx.Client, licence: str) -> None:
    for name in ("patched", "deleted"):
        fhir.post("Practitioner", json=practitioner(f"{licence}-{name}"))
    edit = [{"op": "add", "path": "/active", "value": False}]
    patch = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(json.dumps(edit).encode()).decode(),
    }

    def whose(name: str) -> str:
        return f"Practitioner?identifier=urn:licences|{licence}-{name}"

    urn = "urn:uuid:5a8a3c1e-9d0f-4c51-8a8e-0f8c1c2a7a55"
    told = answers(
        fhir.post(
            "",
            json=bundle(
                entry("PUT", whose("put"), practitioner(f"{licence}-put"), full_url=urn),
                entry("PATCH", whose("patched"), patch),
                entry("DELETE", whose("deleted")),
                entry("POST", "Observation", weight("Patient/x", performer=[{"reference": urn}])),
            ),
        )
    )
    assert [answer["status"] for answer in told] == ["201", "200", "204", "201"]
    assert at(fhir, told[1])["active"] is False
    assert fhir.get(whose("deleted")).json()["total"] == 0
    put = at(fhir, told[0])["id"]
    assert at(fhir, told[3])["performer"][0]["reference"] == f"Practitioner/{put}"


def test_a_merge_patch_as_an_entry(fhir: httpx.Client) -> None:
    address = "Patient/" + fhir.post("Patient", json=patient(gender="male")).json()["id"]
    binary = {
        "resourceType": "Binary",
        "contentType": "application/merge-patch+json",
        "data": base64.b64encode(b'{"gender":null,"active":true}').decode(),
    }
    [told] = answers(fhir.post("", json=bundle(entry("PATCH", address, binary))))
    assert told["status"] == "200"
    assert at(fhir, told)["active"] is True
    assert "gender" not in at(fhir, told)


def test_if_match_of_an_entry(fhir: httpx.Client) -> None:
    id = fhir.post("Patient", json=patient()).json()["id"]
    changed = patient(id=id, gender="male")
    before = newest(fhir)
    stale = fhir.post("", json=bundle(entry("PUT", f"Patient/{id}", changed, ifMatch='W/"7"')))
    assert stale.status_code == 412
    assert newest(fhir) == before
    assert answers(
        fhir.post("", json=bundle(entry("PUT", f"Patient/{id}", changed, ifMatch='W/"1"')))
    )


def overlapping(id: str, licence: str) -> dict[str, list[Entry]]:
    condition = f"identifier=urn:licences|{licence}"
    once = entry("POST", "Practitioner", practitioner(licence), ifNoneExist=condition)
    put = entry("PUT", f"Patient/{id}", patient(id=id))
    urn = "urn:uuid:9a8a3c1e-9d0f-4c51-8a8e-0f8c1c2a7a99"
    return {
        "two updates": [put, put],
        "update and delete": [entry("DELETE", f"Patient/{id}"), put],
        "update and delete of nothing": [
            entry("DELETE", "Patient/nobody"),
            entry("PUT", "Patient/nobody", patient(id="nobody")),
        ],
        "the same conditional create": [once, once],
        "the same fullUrl": [entry("POST", "Patient", patient(), full_url=urn) for _ in range(2)],
    }


@pytest.mark.parametrize("case", overlapping("", ""))
def test_entries_about_the_same_resource_are_refused(
    fhir: httpx.Client, licence: str, case: str
) -> None:
    id = fhir.post("Patient", json=patient()).json()["id"]
    before = newest(fhir)
    refused = fhir.post("", json=bundle(*overlapping(id, licence)[case]))
    assert refused.status_code == 400
    assert issue(refused)["expression"] == ["Bundle.entry[1].request"]
    assert newest(fhir) == before


@pytest.mark.parametrize("url", ["_history", "Patient/x/_history/1", "Patient/x?_at=2020"])
def test_the_past_is_no_part_of_a_transaction(fhir: httpx.Client, url: str) -> None:
    refused = fhir.post("", json=bundle(entry("GET", url)))
    assert refused.status_code == 400
    assert issue(refused)["diagnostics"] == "server.not-in-transaction"


def test_the_resources_come_back_when_they_are_wanted(fhir: httpx.Client) -> None:
    bare = fhir.post("", json=bundle(entry("POST", "Patient", patient())))
    assert "resource" not in bare.json()["entry"][0]
    whole = {"prefer": "return=representation"}
    full = fhir.post("", json=bundle(entry("POST", "Patient", patient())), headers=whole)
    assert full.json()["entry"][0]["resource"]["resourceType"] == "Patient"
    outcome = {"prefer": "return=OperationOutcome"}
    told = fhir.post("", json=bundle(entry("POST", "Patient", patient())), headers=outcome)
    assert told.json()["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_twenty_five_thousand_entries_at_once(fhir: httpx.Client) -> None:
    urns = [f"urn:uuid:00000000-0000-4000-8000-{number:012}" for number in range(25_000)]
    entries = [entry("POST", "Patient", patient(), full_url=urns[0])]
    entries += [
        entry(
            "POST",
            "Basic",
            {"resourceType": "Basic", "code": {"text": "b"}, "subject": {"reference": urns[0]}},
            full_url=urn,
        )
        for urn in urns[1:]
    ]
    told = answers(fhir.post("", json=bundle(*entries)))
    assert {answer["status"] for answer in told} == {"201"}
    assert len({answer["location"] for answer in told}) == 25_000
    assert at(fhir, told[-1])["subject"]["reference"] == "Patient/" + at(fhir, told[0])["id"]


def test_an_empty_transaction(fhir: httpx.Client) -> None:
    empty = fhir.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert empty.status_code == 200
    assert empty.json() == {"resourceType": "Bundle", "type": "transaction-response"}


def test_too_many_entries() -> None:
    with client(max_bundle_entries=2) as fhir:
        refused = fhir.post("", json=bundle(*[entry("POST", "Patient", patient())] * 3))
        assert refused.status_code == 413
        assert newest(fhir) is None
