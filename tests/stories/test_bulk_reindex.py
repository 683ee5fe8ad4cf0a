"""$reindex: search parameters that the record defines itself come into force."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from tests.kit.server import client

BIRTH_ORDER: dict[str, Any] = {
    "resourceType": "SearchParameter",
    "id": "birth-order",
    "url": "https://example.org/SearchParameter/birth-order",
    "name": "birthOrder",
    "status": "active",
    "description": "The place in a multiple birth",
    "code": "birth-order",
    "base": ["Patient"],
    "type": "number",
    "expression": "Patient.multipleBirth as integer",
}
STRICT = {"prefer": "handling=strict"}


def reindexed(fhir: httpx.Client) -> httpx.Response:
    kick_off = fhir.post("$reindex", headers={"prefer": "respond-async"})
    assert kick_off.status_code == 202
    for _ in range(600):
        answer = fhir.get(kick_off.headers["content-location"])
        if answer.status_code != 202:
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_a_custom_parameter_is_searched_by_after_reindexing() -> None:
    with client() as fhir:
        for number in (1, 2):
            patient = {
                "resourceType": "Patient",
                "id": f"p{number}",
                "multipleBirthInteger": number,
            }
            fhir.put(f"Patient/p{number}", json=patient)
        fhir.put("SearchParameter/birth-order", json=BIRTH_ORDER)
        assert fhir.get("Patient?birth-order=2", headers=STRICT).status_code == 400
        assert reindexed(fhir).status_code == 200
        found = fhir.get("Patient?birth-order=2", headers=STRICT).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["p2"]
        fhir.put("SearchParameter/birth-order", json=BIRTH_ORDER | {"status": "retired"})
        assert reindexed(fhir).status_code == 200
        assert fhir.get("Patient?birth-order=2", headers=STRICT).status_code == 400


def test_parameters_that_cannot_be_searched_by_stop_no_others() -> None:
    wrong = {"unreadable": "a..b", "nothing": "Patient.nonsense", "twice": "Patient.birthDate"}
    with client() as fhir:
        fhir.put("Patient/p", json={"resourceType": "Patient", "id": "p"} | {"gender": "male"})
        fhir.put(
            "Patient/q", json={"resourceType": "Patient", "id": "q", "multipleBirthInteger": 2}
        )
        for id, expression in wrong.items():
            definition = BIRTH_ORDER | {"id": id, "code": id, "expression": expression}
            if id == "twice":
                definition["code"] = "birthdate"
            assert fhir.put(f"SearchParameter/{id}", json=definition).status_code == 201
        fhir.put("SearchParameter/birth-order", json=BIRTH_ORDER)
        answer = reindexed(fhir)
        assert answer.status_code == 200
        found = fhir.get("Patient?birth-order=2", headers=STRICT).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["q"]
        [output] = answer.json()["error"]
        assert (output["type"], output["count"]) == ("OperationOutcome", len(wrong))
        told = [json.loads(line) for line in fhir.get(output["url"]).text.splitlines()]
        for outcome in told:
            assert {issue["severity"] for issue in outcome["issue"]} == {"warning"}
            assert outcome["issue"][1]["expression"][0].startswith("SearchParameter.")
        named = {outcome["issue"][0]["details"]["text"].split()[0] for outcome in told}
        assert named == {f"SearchParameter/{id}" for id in wrong}


def test_it_must_be_asked_for_asynchronously() -> None:
    with client() as fhir:
        assert fhir.post("$reindex").status_code == 400
