"""The forms of an answer: media types, pretty, compressed, without a body; and other pages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.kit.server import client, issue, newest

DU = {"resourceType": "Patient", "id": "du", "name": [{"family": "杜", "text": "x" * 5000}]}


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client() as found:
        found.put("Patient/du", json=DU)
        yield found


@pytest.mark.parametrize(
    ("accept", "format", "type"),
    [
        ("*/*", None, "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", None, "application/fhir+json"),
        ("application/json", None, "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", None, "application/fhir+json"),
        ("application/fhir+xml", "json", "application/fhir+json"),
        ("text/html", "application/fhir+json", "application/fhir+json"),
        ("text/html", "application/json", "application/json"),
    ],
)
def test_the_media_type_that_is_asked_for(
    fhir: httpx.Client, accept: str, format: str | None, type: str
) -> None:
    query = {"_format": format} if format else {}
    answer = fhir.get("Patient/du", params=query, headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{type}; charset=utf-8"
    assert answer.json()["name"] == DU["name"]


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("application/fhir+xml", None),
        ("application/fhir+json; fhirVersion=3.0", None),
        ("application/json;q=0", None),
        ("text/turtle", None),
        ("", None),
        ("*/*", "xml"),
        ("*/*", "nonsense"),
    ],
)
def test_what_cannot_be_served_is_not_acceptable(
    fhir: httpx.Client, accept: str, format: str | None
) -> None:
    before = newest(fhir)
    query = {"_format": format} if format else {}
    for method in ("GET", "PUT"):
        refused = fhir.request(
            method,
            "Patient/du",
            params=query,
            headers={"accept": accept},
            json=DU | {"active": True},
        )
        assert refused.status_code == 406
        assert issue(refused)["code"] == "not-supported"
    assert newest(fhir) == before


def test_pretty(fhir: httpx.Client) -> None:
    plain, pretty = fhir.get("Patient/du"), fhir.get("Patient/du?_pretty=true")
    assert "\n" not in plain.text
    assert pretty.text.startswith('{\n  "resourceType": "Patient",\n')
    assert pretty.json() == plain.json()
    assert fhir.get("Patient/nobody?_pretty=true").text.startswith("{\n")


def test_large_answers_are_compressed_for_those_who_take_that(fhir: httpx.Client) -> None:
    packed = fhir.get("Patient/du", headers={"accept-encoding": "gzip"})
    plain = fhir.get("Patient/du", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.json() == plain.json()
    refused = fhir.get("Patient/du", headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


def test_a_compressed_body_is_read(fhir: httpx.Client) -> None:
    packed = gzip.compress(json.dumps(DU | {"id": "packed"}).encode())
    answer = fhir.put("Patient/packed", content=packed, headers={"content-encoding": "gzip"})
    assert answer.status_code == 201
    assert answer.json()["name"] == DU["name"]


def test_a_document_goes_in_and_comes_out_as_it_is(fhir: httpx.Client) -> None:
    page = b"%PDF-1.7 \x00\xff"
    pdf = {"content-type": "application/pdf"}
    created = fhir.post("Binary", content=page, headers=pdf)
    assert created.status_code == 201
    assert created.json()["contentType"] == "application/pdf"
    address = f"Binary/{created.json()['id']}"
    raw = fhir.get(address, headers={"accept": "application/pdf"})
    assert (raw.status_code, raw.content) == (200, page)
    assert raw.headers["content-type"] == "application/pdf"
    assert raw.headers["content-disposition"] == "attachment"
    assert raw.headers["etag"] == 'W/"1"'
    assert fhir.get(address).json() == created.json()
    assert fhir.put(address, content=b"two", headers=pdf).status_code == 200
    assert fhir.get(f"{address}/_history/1", headers={"accept": "image/*"}).content == page
    missing = fhir.get("Binary/none", headers={"accept": "application/pdf"})
    assert missing.status_code == 404
    assert issue(missing)["code"] == "not-found"
    as_json = {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="}
    created = fhir.post("Binary", json=as_json)
    assert fhir.get(f"Binary/{created.json()['id']}", headers={"accept": "text/*"}).text == "x"


@pytest.mark.parametrize("kind", ["text/html\nset-cookie: a=b", "纯文本", "text", "a/b\u2028c"])
def test_a_kind_that_is_no_header_is_left_out(fhir: httpx.Client, kind: str) -> None:
    document = {"resourceType": "Binary", "contentType": kind, "data": "eA=="}
    created = fhir.post("Binary", json=document)
    if created.status_code == 201:
        raw = fhir.get(f"Binary/{created.json()['id']}", headers={"accept": "text/html"})
        assert raw.headers["content-type"] == "application/octet-stream"
        assert "set-cookie" not in raw.headers
    else:
        assert issue(created)["expression"] == ["Binary.contentType"]


def test_a_document_of_no_kind_is_refused(fhir: httpx.Client) -> None:
    for wrong in (b"", b"a  b"):
        refused = fhir.post("Binary", content=b"x", headers={b"content-type": wrong})
        assert refused.status_code in {400, 422}
        assert issue(refused)["expression"] == ["Binary.contentType"]


def test_head_is_get_without_the_body(fhir: httpx.Client) -> None:
    for path in ("Patient/du", "Patient?_id=du", "Patient/nobody", "metadata"):
        head, get = fhir.head(path), fhir.get(path)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers.get("etag") == get.headers.get("etag")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_the_capability_statement_says_what_is_there(fhir: httpx.Client) -> None:
    statement = fhir.get("metadata").json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    [rest] = statement["rest"]
    assert {each["code"] for each in rest["interaction"]} == {
        *("batch", "transaction", "search-system", "history-system")
    }
    types = {each["type"]: each for each in rest["resource"]}
    assert len(types) > 140
    patient = types["Patient"]
    assert {each["code"] for each in patient["interaction"]} == {
        *("read", "vread", "create", "update", "patch", "delete"),
        *("search-type", "history-instance", "history-type"),
    }
    assert patient["conditionalDelete"] == "single"
    assert {"name": "family", "type": "string"}.items() <= next(
        each for each in patient["searchParam"] if each["name"] == "family"
    ).items()
    assert "Patient:general-practitioner" in patient["searchInclude"]
    assert "Observation:subject" in patient["searchRevInclude"]
    for name in ("Patient", "Encounter"):
        definitions = {each["definition"] for each in types[name]["operation"]}
        assert f"http://hl7.org/fhir/OperationDefinition/{name}-everything" in definitions
    assert fhir.options("").json() == statement
    assert fhir.get("metadata?mode=terminology").status_code == 400
    # What it says of itself is what this server would take.
    assert fhir.post("CapabilityStatement", json=statement).status_code == 201


def test_refusals_speak_the_readers_language(fhir: httpx.Client) -> None:
    chinese = fhir.get("Patient/nobody", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
    english = fhir.get("Patient/nobody", headers={"accept-language": "de, en;q=0.5, zh;q=0.1"})
    assert issue(chinese)["details"]["text"] == "不存在 Patient/nobody。"
    assert issue(english)["details"]["text"] == "There is no Patient/nobody."


def test_the_front_page_greets_everybody_in_their_language(fhir: httpx.Client) -> None:
    root = fhir.base_url.join("/")
    for language, word in (("zh", "杏林"), ("en", "Xinglin")):
        page = fhir.get(root, headers={"accept-language": language, "accept": "text/html"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f'<html lang="{language}' in page.text
        assert word in page.text


def test_health_and_metrics(fhir: httpx.Client) -> None:
    root = fhir.base_url.join("/")
    assert fhir.get(root.join("/healthz")).text == "ok\n"
    assert fhir.get(root.join("/readyz")).text == "ready\n"

    def reads() -> float:
        lines = fhir.get(root.join("/metrics")).text.splitlines()
        name = 'xinglin_http_requests_total{interaction="read",status="200"} '
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = reads()
    fhir.get("Patient/du")
    assert reads() == before + 1
    assert fhir.get(root.join("/nothing")).status_code == 404
    assert fhir.post(root.join("/healthz")).status_code == 404


def test_pages_of_other_origins_only_where_that_is_allowed(fhir: httpx.Client) -> None:
    asking = {"origin": "https://app.example", "access-control-request-method": "GET"}
    assert "access-control-allow-origin" not in fhir.get("Patient/du", headers=asking).headers
    with client(cors_origins=("https://app.example",)) as open_house:
        preflight = open_house.options("Patient", headers=asking)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        refused = open_house.get("Patient/nobody", headers=asking)
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        other = open_house.get("Patient", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers
