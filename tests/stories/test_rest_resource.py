"""One resource over HTTP: created, read, changed, deleted, with all its versions kept."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.kit.server import client, issue, newest

DU = {"resourceType": "Patient", "name": [{"family": "Du", "given": ["Fu"]}]}


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        yield found


@pytest.fixture
def du(fhir: httpx.Client) -> str:
    """The address of a patient in its first version."""
    return "Patient/" + str(fhir.post("Patient", json=DU).json()["id"])


def test_what_was_created_is_read_again(fhir: httpx.Client) -> None:
    created = fhir.post("Patient", json=DU | {"id": "mine", "meta": {"versionId": "9"}})
    assert created.status_code == 201
    resource = created.json()
    assert resource["id"] != "mine"
    assert resource["meta"]["versionId"] == "1"
    address = f"{fhir.base_url}Patient/{resource['id']}"
    assert created.headers["location"] == f"{address}/_history/1"
    read = fhir.get(address)
    assert read.status_code == 200
    assert read.json() == resource
    assert read.headers["etag"] == 'W/"1"'
    assert read.headers["content-type"] == "application/fhir+json; charset=utf-8"
    last_updated = resource["meta"]["lastUpdated"]
    assert (
        parsedate_to_datetime(read.headers["last-modified"]).isoformat()[:19] == last_updated[:19]
    )


def test_decimals_and_their_order_survive(fhir: httpx.Client) -> None:
    text = (
        '{"resourceType":"Observation","status":"final","code":{"text":"K+"},'
        '"valueQuantity":{"value":3.50,"unit":"mmol/L"}}'
    )
    id = fhir.post("Observation", content=text).json()["id"]
    assert '"valueQuantity":{"value":3.50,"unit":"mmol/L"}' in fhir.get(f"Observation/{id}").text


def test_an_update_makes_a_version_and_keeps_the_old_one(fhir: httpx.Client, du: str) -> None:
    resource = fhir.get(du).json()
    updated = fhir.put(du, json=resource | {"birthDate": "0712-02-12"})
    assert updated.status_code == 200
    assert updated.headers["etag"] == 'W/"2"'
    assert updated.headers["content-location"].endswith(f"{du}/_history/2")
    assert fhir.get(f"{du}/_history/1").json() == resource
    assert fhir.get(f"{du}/_history/2").json()["birthDate"] == "0712-02-12"
    missing = fhir.get(f"{du}/_history/3")
    assert missing.status_code == 404
    assert issue(missing)["diagnostics"] == "server.version-not-found"
    assert fhir.get(f"{du}/_history/one").status_code == 404


def test_an_update_that_changes_nothing_makes_no_version(fhir: httpx.Client, du: str) -> None:
    before = newest(fhir)
    again = fhir.put(du, json=fhir.get(du).json())
    assert again.status_code == 200
    assert again.headers["etag"] == 'W/"1"'
    assert newest(fhir) == before


def test_a_client_may_choose_the_id_of_what_it_puts(fhir: httpx.Client) -> None:
    created = fhir.put("Patient/li-bai", json=DU | {"id": "li-bai"})
    assert created.status_code == 201
    assert created.headers["location"].endswith("Patient/li-bai/_history/1")
    assert fhir.put("Patient/li-bai", json=DU | {"id": "li-bai"}).status_code == 200


def test_the_id_in_the_body_is_the_id_in_the_address(fhir: httpx.Client, du: str) -> None:
    before = newest(fhir)
    for body, key in ((DU, "server.id-missing"), (DU | {"id": "other"}, "server.id-differs")):
        refused = fhir.put(du, json=body)
        assert refused.status_code == 400
        assert issue(refused)["diagnostics"] == key
        assert issue(refused)["expression"] == ["Patient.id"]
    assert fhir.put("Patient/a_b", json=DU | {"id": "a_b"}).status_code == 400
    assert newest(fhir) == before


def test_what_is_deleted_is_gone_but_not_forgotten(fhir: httpx.Client, du: str) -> None:
    deleted = fhir.delete(du)
    assert deleted.status_code == 204
    assert deleted.headers["etag"] == 'W/"2"'
    assert deleted.content == b""
    gone = fhir.get(du)
    assert gone.status_code == 410
    assert issue(gone)["code"] == "deleted"
    assert fhir.get(f"{du}/_history/2").status_code == 410
    assert fhir.get(f"{du}/_history/1").status_code == 200
    assert fhir.delete(du).status_code == 204
    id = du.partition("/")[2]
    revived = fhir.put(du, json=DU | {"id": id})
    assert revived.status_code == 201
    assert revived.headers["etag"] == 'W/"3"'


def test_what_never_was_is_not_found(fhir: httpx.Client) -> None:
    missing = fhir.get("Patient/nobody")
    assert missing.status_code == 404
    assert issue(missing)["code"] == "not-found"
    assert fhir.delete("Patient/nobody").status_code == 204


def test_a_patch_edits_in_place(fhir: httpx.Client, du: str) -> None:
    patched = fhir.patch(
        du,
        json=[
            {"op": "test", "path": "/name/0/family", "value": "Du"},
            {"op": "add", "path": "/gender", "value": "male"},
        ],
        headers={"content-type": "application/json-patch+json"},
    )
    assert patched.status_code == 200
    assert patched.json()["gender"] == "male"
    assert patched.headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("edit", "status", "place"),
    [
        ({"op": "add", "path": "/gender", "value": "dragon"}, 422, "Patient.gender"),
        ({"op": "add", "path": "/nonsense", "value": 1}, 400, "Patient"),
        ({"op": "replace", "path": "/id", "value": "other"}, 400, "Patient.id"),
        ({"op": "replace", "path": "/resourceType", "value": "Group"}, 400, None),
    ],
)
def test_the_result_of_a_patch_must_be_a_good_resource(
    fhir: httpx.Client, du: str, edit: object, status: int, place: str | None
) -> None:
    before = newest(fhir)
    json_patch = {"content-type": "application/json-patch+json"}
    refused = fhir.patch(du, json=[edit], headers=json_patch)
    assert 400 <= refused.status_code < 500
    if place is not None:
        assert issue(refused)["expression"][0].startswith(place)
    assert newest(fhir) == before


@pytest.mark.parametrize(
    "content_type",
    ["application/merge-patch+json", "application/json", "application/fhir+json; charset=utf-8"],
)
def test_a_merge_patch_shows_what_is_to_change(
    fhir: httpx.Client, du: str, content_type: str
) -> None:
    headers = {"content-type": content_type}
    added = fhir.patch(du, json={"gender": "male", "birthDate": "0712"}, headers=headers)
    assert added.status_code == 200
    assert (added.json()["gender"], added.json()["name"]) == ("male", DU["name"])
    removed = fhir.patch(du, json={"gender": None, "meta": {"versionId": "9"}}, headers=headers)
    assert removed.headers["etag"] == 'W/"3"'
    assert "gender" not in removed.json()
    assert removed.json()["birthDate"] == "0712"


@pytest.mark.parametrize(
    ("changes", "status", "place"),
    [
        ({"gender": "dragon"}, 422, "Patient.gender"),
        ({"gender": "male", "nonsense": 1}, 400, "Patient.nonsense"),
        ({"id": "other"}, 400, "Patient.id"),
        ({"id": None}, 400, "Patient.id"),
        ({"resourceType": "Group"}, 400, None),
        ({"resourceType": "Parameters", "parameter": []}, 415, "body"),
        ([{"op": "add", "path": "/gender", "value": "male"}], 400, None),
    ],
)
def test_a_merge_patch_that_would_spoil_the_resource(
    fhir: httpx.Client, du: str, changes: object, status: int, place: str | None
) -> None:
    before = newest(fhir)
    refused = fhir.patch(du, json=changes, headers={"content-type": "application/json"})
    assert refused.status_code == status
    assert issue(refused).get("expression", [None]) == [place]
    assert newest(fhir) == before


def test_which_patches_are_understood_is_said(fhir: httpx.Client) -> None:
    said = fhir.get("metadata").json()["patchFormat"]
    assert said == ["application/json-patch+json", "application/merge-patch+json"]


def test_a_patch_of_nothing(fhir: httpx.Client, du: str) -> None:
    json_patch = {"content-type": "application/json-patch+json"}
    assert fhir.patch("Patient/nobody", json=[], headers=json_patch).status_code == 404
    fhir.delete(du)
    assert fhir.patch(du, json=[], headers=json_patch).status_code == 410


def test_the_client_says_how_much_it_wants_back(fhir: httpx.Client) -> None:
    def created(preference: str) -> httpx.Response:
        return fhir.post("Patient", json=DU, headers={"prefer": preference})

    minimal = created("return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert "location" in minimal.headers
    assert created("return=representation").json()["name"] == DU["name"]
    told = created("handling=strict; return=OperationOutcome")
    assert told.status_code == 201
    assert issue(told)["severity"] == "information"
    assert minimal.headers["location"].split("/")[-3] not in told.text
    deleted = fhir.delete("Patient/li-bai", headers={"prefer": "return=OperationOutcome"})
    assert deleted.status_code in {200, 204}


def test_the_record_as_it_was(fhir: httpx.Client, du: str) -> None:
    first = fhir.get(du).json()
    fhir.put(du, json=first | {"gender": "male"})
    then = fhir.get(du, params={"_at": first["meta"]["lastUpdated"]})
    assert then.json() == first
    assert fhir.get(du, params={"_at": "1999"}).status_code == 404
    wrong = fhir.get(du, params={"_at": "yesterday"})
    assert wrong.status_code == 400
    assert issue(wrong)["expression"] == ["_at"]


@pytest.mark.parametrize("handling", ["strict", "lenient"])
def test_what_keeps_no_past_does_not_answer_with_the_present(
    fhir: httpx.Client, du: str, handling: str
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_at", "valueDateTime": "2020"}],
    }
    prefer = {"prefer": f"handling={handling}, respond-async"}
    for refused in (
        fhir.get("Patient?_at=2020", headers=prefer),
        fhir.get("Patient?%5f%61t=2020", headers=prefer),
        fhir.get("?_type=Patient&_at=2020", headers=prefer),
        fhir.get(f"{du}/Observation?_at=2020", headers=prefer),
        fhir.post("Patient/_search", content=b"_at=2020", headers=prefer | form),
        fhir.post("Patient/_search?_at=2020", content=b"", headers=prefer | form),
        fhir.get(f"{du}/_history/1?_at=2020", headers=prefer),
        fhir.get(f"{du}/$meta?_at=2020", headers=prefer),
        fhir.get("metadata?_at=2020", headers=prefer),
        fhir.get("$export?_at=2020", headers=prefer),
        fhir.post("$export", json=parameters, headers=prefer),
        fhir.put(f"{du}?_at=2020", json=DU, headers=prefer),
    ):
        assert refused.status_code == 400, refused.text
        assert issue(refused)["expression"] == ["_at"]


@pytest.mark.parametrize("address", ["", "/_history/1", "/_history"])
def test_who_is_strict_is_told_what_is_not_known(fhir: httpx.Client, du: str, address: str) -> None:
    strict = {"prefer": "handling=strict"}
    known = f"{du}{address}?_elements=name&_summary=false&_format=json&_pretty=true"
    assert fhir.get(known, headers=strict).status_code == 200
    assert fhir.get(f"{du}{address}?colour=red").status_code == 200
    refused = fhir.get(f"{du}{address}?colour=red", headers=strict)
    assert refused.status_code == 400
    assert issue(refused)["expression"] == ["colour"]
