"""The history of a resource, of a type, of everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.kit.server import client, issue


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    """A patient created by PUT, updated and deleted; another by POST; a group in between."""
    with client() as found:
        du = {"resourceType": "Patient", "id": "du"}
        found.put("Patient/du", json=du)
        found.post("Group", json={"resourceType": "Group", "type": "person", "actual": True})
        found.put("Patient/du", json=du | {"gender": "male"})
        found.delete("Patient/du")
        found.post("Patient", json={"resourceType": "Patient", "active": True})
        yield found


def entries(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "history")
    found: list[dict[str, Any]] = bundle.get("entry", [])
    return found


def test_the_versions_of_one_resource_newest_first(fhir: httpx.Client) -> None:
    deleted, updated, created = entries(fhir.get("Patient/du/_history"))
    assert deleted["request"] == {"method": "DELETE", "url": "Patient/du"}
    assert deleted["response"]["status"] == "204"
    assert "resource" not in deleted
    assert updated["request"] == {"method": "PUT", "url": "Patient/du"}
    assert updated["response"]["etag"] == 'W/"2"'
    assert updated["resource"]["gender"] == "male"
    assert created["response"]["status"] == "201"
    last_modified = created["resource"]["meta"]["lastUpdated"]
    assert created["response"]["lastModified"] == last_modified
    assert {e["fullUrl"] for e in (deleted, updated)} == {f"{fhir.base_url}Patient/du"}


def test_of_a_type_and_of_everything(fhir: httpx.Client) -> None:
    assert len(entries(fhir.get("Patient/_history"))) == 4
    assert len(entries(fhir.get("_history"))) == 5
    newest = entries(fhir.get("_history"))[0]
    assert newest["request"] == {"method": "POST", "url": "Patient"}


def test_pages(fhir: httpx.Client) -> None:
    seen = []
    address: str | None = "_history?_count=2"
    while address:
        answer = fhir.get(address)
        seen += [e["response"]["lastModified"] for e in entries(answer)]
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        address = links.get("next")
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


def test_since_and_at(fhir: httpx.Client) -> None:
    _, updated, created = entries(fhir.get("Patient/du/_history"))
    since = updated["response"]["lastModified"]
    assert len(entries(fhir.get("Patient/du/_history", params={"_since": since}))) == 2
    then = created["response"]["lastModified"]
    [first] = entries(fhir.get("Patient/du/_history", params={"_at": then}))
    assert first["resource"]["meta"]["versionId"] == "1"
    assert entries(fhir.get("_history?_since=2999")) == []


@pytest.mark.parametrize("query", ["_since=soon", "_at=2020-13-01", "_count=many", "_count=-1"])
def test_what_cannot_be_understood(fhir: httpx.Client, query: str) -> None:
    for path in ("_history", "Patient/_history", "Patient/du/_history"):
        refused = fhir.get(f"{path}?{query}")
        assert refused.status_code == 400
        assert issue(refused)["expression"] == [query.partition("=")[0]]


def test_nobody_has_no_history(fhir: httpx.Client) -> None:
    assert fhir.get("Patient/nobody/_history").status_code == 404
    assert entries(fhir.get("Device/_history")) == []
