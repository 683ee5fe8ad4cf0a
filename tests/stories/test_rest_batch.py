"""Batches: entries carried out each on its own, failures among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.kit.server import client, issue


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        yield found


def batch(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    return ({"resource": resource} if resource else {}) | {
        "request": {"method": method, "url": url}
    }


DU = {"resourceType": "Patient", "name": [{"family": "Du"}]}


def test_each_entry_succeeds_or_fails_alone(fhir: httpx.Client) -> None:
    answer = fhir.post(
        "",
        json=batch(
            entry("GET", "Patient/nobody"),
            entry("POST", "Patient", {"resourceType": "Patient", "name": [{"family": "Tao"}]}),
            entry("POST", "Patient", {"resourceType": "Patient", "gender": "dragon"}),
            {"resource": DU},
            entry("GET", "Patient?family=tao"),
            entry("GET", "metadata"),
            entry("GET", "Nonsense"),
            entry("PUT", "Patient"),
        ),
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["type"] == "batch-response"
    told = [each["response"]["status"] for each in body["entry"]]
    assert told == ["404", "201", "422", "400", "200", "200", "404", "400"]
    assert body["entry"][2]["response"]["outcome"]["issue"][0]["expression"] == ["Patient.gender"]
    assert body["entry"][4]["resource"]["total"] == 1
    assert body["entry"][5]["resource"]["resourceType"] == "CapabilityStatement"


def test_reads_come_after_writes_though_they_stand_before(fhir: httpx.Client) -> None:
    body = fhir.post(
        "",
        json=batch(entry("GET", "Patient/late"), entry("PUT", "Patient/late", DU | {"id": "late"})),
    ).json()
    assert [each["response"]["status"] for each in body["entry"]] == ["200", "201"]


def test_a_batch_reads_history_too(fhir: httpx.Client) -> None:
    fhir.put("Patient/old", json=DU | {"id": "old"})
    body = fhir.post("", json=batch(entry("GET", "Patient/old/_history/1"))).json()
    assert body["entry"][0]["resource"]["id"] == "old"
    assert body["entry"][0]["fullUrl"].endswith("Patient/old")


@pytest.mark.parametrize("type", ["collection", "searchset", "history"])
def test_only_batches_and_transactions_are_processed(fhir: httpx.Client, type: str) -> None:
    refused = fhir.post("", json={"resourceType": "Bundle", "type": type})
    assert refused.status_code == 400
    assert issue(refused)["expression"] == ["Bundle.type"]


def test_other_bundles_are_resources_like_any_other(fhir: httpx.Client) -> None:
    collection = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": DU}]}
    created = fhir.post("Bundle", json=collection)
    assert created.status_code == 201
    assert fhir.get(f"Bundle/{created.json()['id']}").json()["entry"] == collection["entry"]
