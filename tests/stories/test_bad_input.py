"""Whatever comes in: a refusal that names the place, nothing written, and the server goes on."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.kit.server import client, issue, newest

LIMIT = 2_000_000  # bytes, so that the tests of too much need not send much
DU = b'{"resourceType":"Patient","id":"du","active":true}'


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    with client(max_body_bytes=LIMIT) as found:
        found.put("Patient/du", content=DU)
        yield found


@pytest.fixture
def untouched(fhir: httpx.Client) -> Iterator[None]:
    """Nothing was written by the test."""
    before = newest(fhir)
    yield
    assert newest(fhir) == before


def nested(depth: int) -> str:
    extension = '{"url":"x","extension":['
    return f'{{"resourceType":"Patient","extension":[{extension * depth}{"]}" * depth}]}}'


BODIES = {
    "nothing": b"",
    "no JSON": b"Patient",
    "half JSON": b'{"resourceType":"Patient",',
    "two documents": DU + DU,
    "a trailing comma": b'{"resourceType":"Patient",}',
    "a comment": b'{"resourceType":"Patient"} // Du',
    "NaN": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "single quotes": b"{'resourceType':'Patient'}",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "no resource type": b'{"active":true}',
    "a resource type of the wrong kind": b'{"resourceType":7}',
    "an unknown resource type": b'{"resourceType":"Potato"}',
    "another resource type": b'{"resourceType":"Group","type":"person","actual":true}',
    "an unknown element": b'{"resourceType":"Patient","shoeSize":44}',
    "an unknown inner element": b'{"resourceType":"Patient","name":[{"nick":"x"}]}',
    "an object for a list": b'{"resourceType":"Patient","name":{"family":"Du"}}',
    "a list for one": b'{"resourceType":"Patient","birthDate":["0712"]}',
    "text for a boolean": b'{"resourceType":"Patient","active":"true"}',
    "a number for text": b'{"resourceType":"Patient","name":[{"family":7}]}',
    "null as a value": b'{"resourceType":"Patient","active":null}',
    "an empty list": b'{"resourceType":"Patient","name":[]}',
    "an empty element": b'{"resourceType":"Patient","name":[{}]}',
    "empty text": b'{"resourceType":"Patient","name":[{"family":""}]}',
    "a date that does not exist": b'{"resourceType":"Patient","birthDate":"2021-02-30"}',
    "a date written otherwise": b'{"resourceType":"Patient","birthDate":"12/02/0712"}',
    "an unknown code": b'{"resourceType":"Patient","gender":"dragon"}',
    "two choices": b'{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"0770"}',
    "a key twice": b'{"resourceType":"Patient","active":true,"active":false}',
    "a null byte": b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
    "a raw null byte": b'{"resourceType":"Patient","name":[{"family":"a\0b"}]}',
    "a lone surrogate": b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
    "broken UTF-8": b'{"resourceType":"Patient","name":[{"family":"\xc3("}]}',
    "UTF-16": '{"resourceType":"Patient"}'.encode("utf-16"),
    "an id with a space": b'{"resourceType":"Patient","id":"a b"}',
    "an id too long": b'{"resourceType":"Patient","id":"' + b"a" * 65 + b'"}',
    "a huge number": b'{"resourceType":"Patient","multipleBirthInteger":99999999999999999999}',
    "a huge exponent": b'{"resourceType":"Patient","multipleBirthInteger":1e999999999}',
    "ten thousand levels": nested(10_000).encode(),
    "a hundred thousand brackets": b"[" * 100_000,
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("case", BODIES)
def test_a_resource_that_is_none(fhir: httpx.Client, case: str) -> None:
    body = BODIES[case]
    for method, path in (("POST", "Patient"), ("PUT", "Patient/du"), ("PUT", "Patient?_id=du")):
        refused = fhir.request(method, path, content=body)
        assert refused.status_code in {400, 422}, refused.text
        assert issue(refused)["code"] in {
            "structure",
            "value",
            "required",
            "code-invalid",
            "invalid",
        }


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("case", BODIES)
def test_a_resource_that_is_none_among_others(fhir: httpx.Client, case: str) -> None:
    entry = b'{"resource":%b,"request":{"method":"POST","url":"Patient"}}'
    bundle = b'{"resourceType":"Bundle","type":"transaction","entry":[%b,%b]}'
    refused = fhir.post("", content=bundle % (entry % DU, entry % (BODIES[case] or b"0")))
    assert refused.status_code in {400, 422}
    issue(refused)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "nonsense"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [7]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {}}]},
        {"resourceType": "Patient"},
    ],
)
def test_a_bundle_that_is_none(fhir: httpx.Client, bundle: object) -> None:
    refused = fhir.post("", json=bundle)
    assert refused.status_code in {400, 422}
    assert issue(refused)["expression"][0].startswith("Bundle")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("type", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["", "/", "?x=1", "BASE", "BASE/"])
def test_a_bundle_within_a_bundle(fhir: httpx.Client, type: str, url: str) -> None:
    create = {"resource": json.loads(DU), "request": {"method": "POST", "url": "Patient"}}
    inner = {"resourceType": "Bundle", "type": type, "entry": [create]}
    base = str(fhir.base_url).removesuffix("/")
    request = {"method": "POST", "url": url.replace("BASE", base)}
    told = fhir.post("", json=inner | {"entry": [{"resource": inner, "request": request}]})
    assert refused_entry(told, type)["code"] == "required"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("type", ["batch", "transaction"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_entry_without_its_resource(fhir: httpx.Client, type: str, method: str) -> None:
    url = "Patient" if method == "POST" else "Patient/du"
    entry = {"request": {"method": method, "url": url}}
    told = fhir.post("", json={"resourceType": "Bundle", "type": type, "entry": [entry]})
    found = refused_entry(told, type)
    assert found["code"] == "required"
    assert found["expression"][0].endswith("resource")


def refused_entry(told: httpx.Response, type: str) -> dict[str, Any]:
    """Why the only entry was refused: the whole of a transaction, or a part of a batch."""
    if type == "transaction":
        assert told.status_code == 400
        found = issue(told)
        assert found["expression"][0].startswith("Bundle.entry[0].")
        return found
    response = told.json()["entry"][0]["response"]
    assert response["status"] == "400"
    first: dict[str, Any] = response["outcome"]["issue"][0]
    return first


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("FETCH", "Patient/du", 400),
        ("GET", "Nonsense", 404),
        ("GET", "Nonsense/1", 404),
        ("GET", "Patient/du/nonsense", 404),
        ("GET", "Patient/du/_history/1/more", 404),
        ("GET", "Patient/du/$nonsense", 404),
        ("POST", "Patient/$nonsense", 404),
        ("DELETE", "$nonsense", 404),
        ("POST", "Patient/du", 405),
        ("DELETE", "metadata", 405),
        ("PUT", "Patient/du/_history/1", 405),
        ("PATCH", "_history", 405),
        ("DELETE", "", 405),
        ("PUT", "Resource/1", 404),
        ("PUT", "DomainResource/1", 404),
        ("GET", "Patient/%ff", 400),
        ("GET", "Patient/%zz", 400),
        ("GET", "Patient/%00", 400),
        ("GET", "Patient?name=%ff", 400),
        ("GET", "Patient?name=%zz", 400),
        ("GET", "Patient?name=%00", 400),
        ("GET", "Patient?_count=-1", 400),
        ("GET", "Patient?_count=ten", 400),
        ("GET", "Patient?_count=%D9%A3", 400),
        ("GET", "Patient?_sort=nonsense", 400),
        ("GET", "Patient?birthdate=soon", 400),
        ("GET", "Patient?birthdate=xx2020", 400),
        ("GET", "Patient?_lastUpdated=gt", 400),
        ("GET", "Patient?family:nonsense=du", 400),
        ("GET", "Patient?_summary=little", 400),
        ("GET", "Patient?_total=roughly", 400),
        ("GET", "Patient?general-practitioner:Nonsense.name=x", 400),
        ("GET", "Patient?_has:Nonsense:patient:code=x", 400),
        ("GET", "Observation?value-quantity=heavy", 400),
        ("GET", "?_type=Nonsense", 400),
        ("PUT", "Patient/" + "a" * 65, 400),
        ("PUT", "Patient/a%20b", 400),
        ("PUT", "Patient/%E6%9D%9C", 400),
    ],
)
def test_an_address_that_leads_nowhere(
    fhir: httpx.Client, method: str, url: str, status: int
) -> None:
    request = fhir.build_request(method, "", content=DU if method != "GET" else None)
    request.url = httpx.URL(f"{fhir.base_url}{url}")
    request.headers["prefer"] = "handling=strict"
    assert raw(request).status == status


def raw(request: httpx.Request) -> http.client.HTTPResponse:
    """Send the address exactly as it is written; httpx would put it right."""
    connection = http.client.HTTPConnection("127.0.0.1", request.url.port or 0, timeout=30)
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    target = str(request.url).partition(str(request.url.port))[2]
    connection.request(request.method, target, request.content, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.getheader("content-type", "").startswith("application/fhir+json"):
        assert json.loads(body)["issue"][0]["code"]
    return answer


def test_contradictory_criteria_find_nothing(fhir: httpx.Client) -> None:
    assert fhir.get("Patient?birthdate=gt2020&birthdate=lt2019").json()["total"] == 0


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/du", "DELETE, GET, HEAD, PATCH, PUT"),
        ("TRACE", "Patient", "DELETE, GET, HEAD, PATCH, POST, PUT"),
        ("PUT", "Patient/_search", "POST"),
        ("DELETE", "Patient/du/$everything", "GET, HEAD, POST"),
        ("GET", "$reindex", "POST"),
    ],
)
def test_which_methods_are_possible_is_said(
    fhir: httpx.Client, method: str, path: str, allowed: str
) -> None:
    refused = fhir.request(method, path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("method", "path", "content_type"),
    [
        ("POST", "Patient", "application/fhir+xml"),
        ("PUT", "Patient/du", "text/plain"),
        ("POST", "Patient", "application/fhir+json; fhirVersion=3.0"),
        ("POST", "Patient", "application/json; charset=gb18030"),
        ("POST", "", "multipart/form-data"),
        ("PATCH", "Patient/du", "application/fhir+xml"),
        ("PATCH", "Patient/du", "application/xml-patch+xml"),
        ("POST", "Patient/_search", "application/json"),
        ("POST", "Patient", "nonsense"),
    ],
)
def test_a_body_of_another_kind(
    fhir: httpx.Client, method: str, path: str, content_type: str
) -> None:
    refused = fhir.request(method, path, content=DU, headers={"content-type": content_type})
    assert refused.status_code == 415
    assert issue(refused)["expression"] == ["Content-Type"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("said_beforehand", [True, False])
def test_too_much_is_refused_while_it_comes_in(fhir: httpx.Client, said_beforehand: bool) -> None:
    piece = b" " * 100_000

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield piece

    whole: bytes | Iterator[bytes] = piece * 30 if said_beforehand else pieces()
    refused = fhir.post("Patient", content=whole)
    assert refused.status_code == 413
    assert issue(refused)["code"] == "too-long"


@pytest.mark.usefixtures("untouched")
def test_a_small_body_that_would_become_a_large_one(fhir: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000, mtime=0)
    assert len(bomb) < 100_000
    refused = fhir.post("Patient", content=bomb, headers={"content-encoding": "gzip"})
    assert refused.status_code == 413


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", DU, 400),
        ("gzip", gzip.compress(DU, mtime=0)[:-4], 400),
        ("gzip", gzip.compress(DU, mtime=0) + b"more", 400),
        ("gzip", b"", 400),
        ("br", DU, 415),
        ("gzip, gzip", DU, 415),
    ],
)
def test_a_body_that_cannot_be_unpacked(
    fhir: httpx.Client, encoding: str, body: bytes, status: int
) -> None:
    refused = fhir.post("Patient", content=body, headers={"content-encoding": encoding})
    assert refused.status_code == status
    issue(refused)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "headers",
    [
        {"if-match": "é" * 10},
        {"if-match": ","},
        {"if-match": '"' * 1000},
        {"prefer": ";;==,,"},
        {"accept-language": ";q=x,,*;q=9"},
        {"if-modified-since": "Thu, 99 Foo 99999 99:99:99 GMT"},
        {"host": "evil.example/<script>"},
        {"x-" + "y" * 1000: "z" * 30_000},
    ],
)
def test_absurd_headers(fhir: httpx.Client, headers: dict[str, str]) -> None:
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    read = fhir.get("Patient/du", headers=encoded)
    assert read.status_code in {200, 400}
    deleted = fhir.delete("Patient/nobody", headers=encoded)
    assert deleted.status_code in {204, 400, 412}
    assert "script" not in fhir.get("Patient", headers=encoded).text


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 100,
        "GET /fhir/Patient?name=王 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode(),
    ],
)
def test_what_is_not_http(fhir: httpx.Client, bytes_sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fhir.base_url.port or 0), timeout=30) as connection:
        connection.sendall(bytes_sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        outcome = json.loads(answer.read())
    assert answer.status == 400
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["expression"] == ["request"]
    assert fhir.get("Patient/du").status_code == 200


def test_a_client_that_goes_away(fhir: httpx.Client) -> None:
    before = newest(fhir)
    head = b"POST /fhir/Patient HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", fhir.base_url.port or 0), timeout=30) as connection:
        connection.sendall(head + b'{"resourceType":')
    assert fhir.get("Patient/du").status_code == 200
    assert newest(fhir) == before


def test_refusals_do_not_repeat_what_patients_are_called(fhir: httpx.Client) -> None:
    refused = fhir.post("Patient", json={"resourceType": "Patient", "name": {"family": "Secret"}})
    assert refused.status_code == 400
    assert "Secret" not in refused.text


_words = some.sampled_from(
    [
        "Patient",
        "Observation",
        "_history",
        "_search",
        "du",
        "1",
        "*",
        "$everything",
        "metadata",
        "%",
    ]
)
_names = some.sampled_from(
    ["_id", "_count", "family", "_sort", "_has:x", "_include", "code:in", ""]
)
_json = some.recursive(
    some.none() | some.booleans() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)
_values = some.text(some.characters(codec="utf-8"), max_size=12)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=some.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    path=some.lists(_words | _values, max_size=5),
    query=some.lists(some.tuples(_names | _values, _values), max_size=3),
    body=some.binary(max_size=60)
    | _json.map(lambda value: json.dumps(value).encode())
    | some.just(DU),
    prefer=some.sampled_from(["", "handling=strict", "return=minimal", "return=OperationOutcome"]),
    condition=some.sampled_from(["if-match", "if-none-match", "if-none-exist", "accept", "x"]),
    value=some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=10),
)
def test_no_request_breaks_anything(
    fhir: httpx.Client,
    method: str,
    path: list[str],
    query: list[tuple[str, str]],
    body: bytes,
    prefer: str,
    condition: str,
    value: str,
) -> None:
    address = "/".join(part if part == "%" else quote(part, safe="*$") for part in path)
    target = f"/fhir/{address}?{urlencode(query)}".encode()
    answer = fhir.request(
        method,
        fhir.base_url.copy_with(raw_path=target),
        content=body,
        headers={"prefer": prefer, condition: value},
    )
    assert answer.status_code < 500
    if answer.status_code >= 400 and method != "HEAD":
        assert issue(answer)["code"]
