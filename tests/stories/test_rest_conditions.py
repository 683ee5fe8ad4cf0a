"""Requests that hold only under a condition: versions, and searches that must match."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest

from tests.kit.server import client, issue, newest

_numbers = count()
JSON_PATCH = {"content-type": "application/json-patch+json"}


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        yield found


@pytest.fixture
def card() -> str:
    """An identifier that nobody has yet."""
    return f"card-{next(_numbers)}"


def patient(card: str, **more: object) -> dict[str, object]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:cards", "value": card}],
    } | more


def test_a_change_of_an_unseen_version_is_refused(fhir: httpx.Client, card: str) -> None:
    first = fhir.post("Patient", json=patient(card))
    address = f"Patient/{first.json()['id']}"
    changed = first.json() | {"gender": "male"}
    assert fhir.put(address, json=changed, headers={"if-match": 'W/"1"'}).status_code == 200
    before = newest(fhir)
    lost = fhir.put(address, json=first.json(), headers={"if-match": 'W/"1"'})
    assert lost.status_code == 412
    assert issue(lost)["code"] == "conflict"
    assert issue(lost)["expression"] == ["If-Match"]
    assert fhir.delete(address, headers={"if-match": 'W/"1"'}).status_code == 412
    edit = [{"op": "remove", "path": "/gender"}]
    stale = fhir.patch(address, json=edit, headers=JSON_PATCH | {"if-match": 'W/"1"'})
    assert stale.status_code == 412
    assert newest(fhir) == before
    assert fhir.delete(address, headers={"if-match": 'W/"2"'}).status_code == 204


def test_if_match_of_what_is_not_there(fhir: httpx.Client) -> None:
    body = {"resourceType": "Patient", "id": "unborn"}
    refused = fhir.put("Patient/unborn", json=body, headers={"if-match": 'W/"1"'})
    assert refused.status_code == 412
    only_new = {"if-none-match": "*"}
    assert fhir.put("Patient/unborn", json=body, headers=only_new).status_code == 201
    assert fhir.put("Patient/unborn", json=body, headers=only_new).status_code == 412


def test_a_client_that_has_the_version_gets_it_not_again(fhir: httpx.Client, card: str) -> None:
    created = fhir.post("Patient", json=patient(card))
    address = f"Patient/{created.json()['id']}"
    known = fhir.get(address, headers={"if-none-match": created.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == 'W/"1"'
    since = {"if-modified-since": created.headers["last-modified"]}
    assert fhir.get(address, headers=since).status_code == 304
    assert fhir.get(address, headers={"if-none-match": 'W/"7"'}).status_code == 200
    long_ago = {"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert fhir.get(address, headers=long_ago).status_code == 200
    assert fhir.get(address, headers={"if-modified-since": "recently"}).status_code == 200


def test_conditional_create_makes_one_patient(fhir: httpx.Client, card: str) -> None:
    condition = {"if-none-exist": f"identifier=urn:cards|{card}"}
    first = fhir.post("Patient", json=patient(card), headers=condition)
    second = fhir.post("Patient", json=patient(card, gender="male"), headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    fhir.post("Patient", json=patient(card))
    several = fhir.post("Patient", json=patient(card), headers=condition)
    assert several.status_code == 412
    assert issue(several)["code"] == "multiple-matches"


def test_many_clients_creating_at_once_make_one_patient(fhir: httpx.Client, card: str) -> None:
    condition = {"if-none-exist": f"identifier=urn:cards|{card}"}

    def create(_: int) -> int:
        return fhir.post("Patient", json=patient(card), headers=condition).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(24)))
    assert sorted(statuses) == [200] * 23 + [201]
    assert fhir.get("Patient", params={"identifier": f"urn:cards|{card}"}).json()["total"] == 1


def test_conditional_update(fhir: httpx.Client, card: str) -> None:
    address = f"Patient?identifier=urn:cards|{card}"
    created = fhir.put(address, json=patient(card))
    assert created.status_code == 201
    id = created.json()["id"]
    updated = fhir.put(address, json=patient(card, gender="male"))
    assert updated.status_code == 200
    assert (updated.json()["id"], updated.json()["meta"]["versionId"]) == (id, "2")
    other = fhir.put(address, json=patient(card, id="other"))
    assert other.status_code == 400
    assert issue(other)["expression"] == ["Patient.id"]
    fhir.post("Patient", json=patient(card))
    assert fhir.put(address, json=patient(card)).status_code == 412


def test_conditional_update_never_writes_over_another(fhir: httpx.Client, card: str) -> None:
    owner = fhir.post("Patient", json=patient(card)).json()["id"]
    nobody = "Patient?identifier=urn:cards|nobody"
    taken = fhir.put(nobody, json=patient("nobody", id=owner))
    assert taken.status_code == 409
    chosen = fhir.put(nobody, json=patient("nobody", id=f"{card}-chosen"))
    assert chosen.status_code == 201
    assert chosen.json()["id"] == f"{card}-chosen"


def test_conditional_patch(fhir: httpx.Client, card: str) -> None:
    address = f"Patient?identifier=urn:cards|{card}"
    edit = [{"op": "add", "path": "/gender", "value": "female"}]
    assert fhir.patch(address, json=edit, headers=JSON_PATCH).status_code == 404
    fhir.post("Patient", json=patient(card))
    patched = fhir.patch(address, json=edit, headers=JSON_PATCH)
    assert patched.json()["gender"] == "female"
    fhir.post("Patient", json=patient(card))
    assert fhir.patch(address, json=edit, headers=JSON_PATCH).status_code == 412


def test_conditional_merge_patch(fhir: httpx.Client, card: str) -> None:
    address = f"Patient?identifier=urn:cards|{card}"
    plain = {"content-type": "application/json"}
    assert fhir.patch(address, json={"gender": "female"}, headers=plain).status_code == 404
    fhir.post("Patient", json=patient(card, active=True))
    patched = fhir.patch(address, json={"gender": "female", "active": None}, headers=plain)
    assert patched.json()["gender"] == "female"
    assert "active" not in patched.json()


def test_conditional_delete_takes_one_and_no_more(fhir: httpx.Client, card: str) -> None:
    address = f"Patient?identifier=urn:cards|{card}"
    assert fhir.delete(address).status_code == 204
    fhir.post("Patient", json=patient(card))
    assert fhir.delete(address).status_code == 204
    assert fhir.get(address).json()["total"] == 0
    for _ in range(2):
        fhir.post("Patient", json=patient(card))
    assert fhir.delete(address).status_code == 412
    assert fhir.get(address).json()["total"] == 2


def test_conditional_delete_of_several_where_that_is_allowed(card: str) -> None:
    with client(delete_multiple=True) as fhir:
        address = f"Patient?identifier=urn:cards|{card}"
        for _ in range(7):
            fhir.post("Patient", json=patient(card))
        fhir.post("Patient", json=patient("another"))
        assert fhir.delete(address).status_code == 204
        assert fhir.get(address).json()["total"] == 0
        assert fhir.get("Patient").json()["total"] == 1


@pytest.mark.parametrize("criteria", ["", "_count=1", "_summary=true"])
def test_a_condition_must_narrow_something_down(fhir: httpx.Client, criteria: str) -> None:
    before = newest(fhir)
    for method in ("PUT", "DELETE"):
        refused = fhir.request(method, f"Patient?{criteria}", json={"resourceType": "Patient"})
        assert refused.status_code == 412
        assert issue(refused)["diagnostics"] == "server.no-criteria"
    assert newest(fhir) == before


def test_a_misspelt_condition_is_refused_and_not_ignored(fhir: httpx.Client, card: str) -> None:
    before = newest(fhir)
    lenient = {"prefer": "handling=lenient"}
    assert fhir.delete("Patient?identifer=1", headers=lenient).status_code == 400
    condition = lenient | {"if-none-exist": "identifer=1"}
    assert fhir.post("Patient", json=patient(card), headers=condition).status_code == 400
    assert newest(fhir) == before
