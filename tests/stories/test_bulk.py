"""Bulk jobs: $export and $import, from the kick-off to the files."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.server import client

Json = dict[str, Any]

ASYNC = {"prefer": "respond-async"}
_PATIENCE = 600  # looks at the status of a job


@pytest.fixture
def fhir(tmp_path: Path) -> Iterator[httpx.Client]:
    with client(tmp_path) as found:
        yield found


def fill(fhir: httpx.Client, patients: int = 3) -> None:
    for number in range(patients):
        fhir.put(f"Patient/p{number}", json={"resourceType": "Patient", "id": f"p{number}"})
        observe(fhir, f"o{number}", f"Patient/p{number}")
    fhir.put("Organization/h", json={"resourceType": "Organization", "id": "h", "name": "H"})


def observe(fhir: httpx.Client, id: str, subject: str, status: str = "final") -> Json:
    resource = {
        "resourceType": "Observation",
        "id": id,
        "status": status,
        "code": {"text": "weight"},
        "subject": {"reference": subject},
    }
    text = json.dumps(resource)[:-1] + ',"valueQuantity":{"value":72.50}}'
    answer = fhir.put(f"Observation/{id}", content=text)
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


def kicked_off(fhir: httpx.Client, path: str, **params: str) -> str:
    answer = fhir.get(path, params=params, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return answer.headers["content-location"]


def ended(fhir: httpx.Client, status: str) -> httpx.Response:
    for _ in range(_PATIENCE):
        answer = fhir.get(status)
        if answer.status_code != 202:
            return answer
        assert "x-progress" in answer.headers
        time.sleep(0.05)
    raise AssertionError(f"the job did not end: {answer.headers}")


def manifest(fhir: httpx.Client, path: str, **params: str) -> Json:
    answer = ended(fhir, kicked_off(fhir, path, **params))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def lines(fhir: httpx.Client, output: Json) -> list[bytes]:
    answer = fhir.get(output["url"], headers={"accept": "application/fhir+ndjson"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    found = answer.content.splitlines()
    assert len(found) == output["count"]
    return found


def exported(fhir: httpx.Client, path: str, **params: str) -> dict[str, list[str]]:
    outputs = manifest(fhir, path, **params)["output"]
    return {
        output["type"]: sorted(json.loads(line)["id"] for line in lines(fhir, output))
        for output in outputs
    }


def test_everything_is_exported_byte_for_byte(fhir: httpx.Client) -> None:
    fill(fhir)
    found = manifest(fhir, "$export")
    assert found["requiresAccessToken"] is False
    assert found["request"].endswith("/fhir/$export")
    assert found["error"] == []
    by_type = {output["type"]: output for output in found["output"]}
    assert set(by_type) == {"Patient", "Observation", "Organization"}
    for line in lines(fhir, by_type["Observation"]):
        assert b'"value":72.50' in line
        assert fhir.get(f"Observation/{json.loads(line)['id']}").content == line


def test_files_come_packed_or_plain(fhir: httpx.Client) -> None:
    fill(fhir)
    url = manifest(fhir, "$export", _type="Patient")["output"][0]["url"]
    with fhir.stream("GET", url, headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        content = gzip.decompress(b"".join(packed.iter_raw()))
    plain = fhir.get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == content


def test_some_types_and_some_resources_of_them(fhir: httpx.Client) -> None:
    fill(fhir)
    observe(fhir, "early", "Patient/p0", status="preliminary")
    found = exported(
        fhir, "$export", _type="Observation,Patient", _typeFilter="Observation?status=preliminary"
    )
    assert found == {"Observation": ["early"], "Patient": ["p0", "p1", "p2"]}


def test_what_changed_since_and_what_was_deleted(fhir: httpx.Client) -> None:
    fill(fhir)
    first = observe(fhir, "new", "Patient/p0")
    fhir.delete("Observation/o1")
    found = manifest(fhir, "$export", _since=first["meta"]["lastUpdated"])
    [output] = found["output"]
    assert [json.loads(line)["id"] for line in lines(fhir, output)] == ["new"]
    [deleted] = found["deleted"]
    [line] = lines(fhir, deleted)
    assert json.loads(line)["entry"][0]["request"] == {"method": "DELETE", "url": "Observation/o1"}


def test_patients_and_groups_of_them(fhir: httpx.Client) -> None:
    fill(fhir)
    members = [{"entity": {"type": "Patient", "reference": f"Patient/p{n}"}} for n in (0, 2, 0)]
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    fhir.put("Group/g", json=group | {"member": members})
    everybody = {"Observation": ["o0", "o1", "o2"], "Patient": ["p0", "p1", "p2"]}
    assert {"Group": ["g"]} | everybody == exported(fhir, "Patient/$export")
    some = exported(fhir, "Group/g/$export")
    assert some["Observation"] == ["o0", "o2"]
    assert some["Patient"] == ["p0", "p2"]
    assert exported(fhir, "Group/g/$export", _type="Organization") == {}


def test_an_export_holds_the_record_of_one_moment(fhir: httpx.Client) -> None:
    """However much is written while it runs."""
    fill(fhir, patients=120)
    status = kicked_off(fhir, "$export")
    for number in range(120):
        observe(fhir, f"o{number}", f"Patient/p{number}", status="amended")
    answer = ended(fhir, status).json()
    [output] = [output for output in answer["output"] if output["type"] == "Observation"]
    read = [json.loads(line) for line in lines(fhir, output)]
    assert len({observation["id"] for observation in read}) == 120
    for observation in read:
        assert observation["meta"]["lastUpdated"] <= answer["transactionTime"]


def test_a_cancelled_job_is_gone(fhir: httpx.Client) -> None:
    status = kicked_off(fhir, "$export")
    assert fhir.delete(status).status_code == 202
    assert fhir.get(status).status_code == 404
    assert fhir.delete(status).status_code == 404


def test_an_interrupted_job_is_done_after_the_restart(tmp_path: Path) -> None:
    with client(tmp_path) as fhir:
        fill(fhir)
        path = kicked_off(fhir, "$export", _type="Patient").partition("/fhir/")[2]
        done = ended(fhir, path).json()["output"][0]["count"]
    [state] = (tmp_path / "bulk").glob("*/job.json")
    unfinished = json.loads(state.read_bytes()) | {"ended": None, "output": []}
    state.write_text(json.dumps(unfinished))  # as a server leaves it that was killed
    with client(tmp_path) as fhir:
        answer = ended(fhir, path)
        assert answer.status_code == 200
        assert answer.json()["output"][0]["count"] == done


def test_jobs_are_removed_when_their_time_is_over(tmp_path: Path) -> None:
    with client(tmp_path) as fhir:
        old = kicked_off(fhir, "$export")
        ended(fhir, old)
        [state] = (tmp_path / "bulk").glob("*/job.json")
        job = json.loads(state.read_bytes())
        state.write_text(json.dumps(job | {"ended": 0}))
        ended(fhir, kicked_off(fhir, "$export"))
        assert fhir.get(old).status_code == 404
        assert not state.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("$export?_type=Banana", 400),
        ("$export?_since=soon", 400),
        ("$export?_outputFormat=text/csv", 400),
        ("$export?_typeFilter=Observation", 400),
        ("$export?_typeFilter=Observation?nonsense=1", 400),
        ("$export?_typ=Patient", 400),
        ("Group/nobody/$export", 404),
        ("Observation/$export", 404),
    ],
)
def test_a_kick_off_that_makes_no_sense_is_refused(
    fhir: httpx.Client, path: str, status: int
) -> None:
    answer = fhir.get(path, headers=ASYNC)
    assert answer.status_code == status, answer.text


def test_who_is_lenient_gets_an_export_without_what_is_not_known(fhir: httpx.Client) -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    assert fhir.get("$export?_typ=Patient", headers=lenient).status_code == 202


def test_it_must_be_asked_for_asynchronously(fhir: httpx.Client) -> None:
    assert fhir.get("$export").status_code == 400
    assert fhir.post("$import", content=b"").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "$bulk-status?job=none",
        "$bulk-status?job=../../x",
        "$bulk-status",
        "$bulk-file?job=none&file=Patient.ndjson",
    ],
)
def test_there_is_no_such_job(fhir: httpx.Client, path: str) -> None:
    assert fhir.get(path).status_code == 404


def test_only_files_of_the_job_can_be_had(fhir: httpx.Client) -> None:
    fill(fhir)
    status = kicked_off(fhir, "$export")
    ended(fhir, status)
    file = status.replace("$bulk-status", "$bulk-file")
    for name in ("job.json", "../../record.sqlite", "", "input", "Nothing.ndjson"):
        assert fhir.get(f"{file}&file={name}").status_code == 404


def imported(fhir: httpx.Client, body: bytes) -> Json:
    headers = ASYNC | {"content-type": "application/fhir+ndjson"}
    answer = fhir.post("$import", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    found: Json = ended(fhir, answer.headers["content-location"]).json()
    return found


def test_lines_are_imported_and_bad_ones_reported(fhir: httpx.Client) -> None:
    patients = [b'{"resourceType":"Patient","id":"i%d"}' % n for n in range(600)]
    bad = [
        b'{"resourceType":"Patient","birthDate":"yesterday"}',
        b"not json",
        b'{"resourceType":"Banana"}',
        b'{"resourceType":"Patient","id":"' + b"x" * 65 + b'"}',
    ]
    nameless = b'{"resourceType":"Organization","name":"no id"}'
    body = b"\n".join([*patients[:300], *bad, b"", nameless, *patients[300:]])
    found = imported(fhir, body)
    assert found["output"] == [
        {"type": "Organization", "count": 1},
        {"type": "Patient", "count": 600},
    ]
    [errors] = found["error"]
    reports = [json.loads(line) for line in lines(fhir, errors)]
    places = [report["issue"][0]["expression"][0] for report in reports]
    assert [place.partition(":")[0] for place in places] == [f"line {n}" for n in range(301, 305)]
    assert fhir.get("Patient/i599").status_code == 200
    [nameless_one] = manifest(fhir, "$export", _type="Organization")["output"]
    assert b'"name":"no id"' in lines(fhir, nameless_one)[0]


def test_references_with_our_own_address_become_relative(fhir: httpx.Client) -> None:
    base = str(fhir.base_url).rstrip("/")
    line = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    line["subject"] = {"reference": f"{base}/Patient/p"}
    imported(fhir, json.dumps(line).encode())
    assert fhir.get("Basic/b").json()["subject"] == {"reference": "Patient/p"}


def test_what_was_exported_can_be_imported(fhir: httpx.Client, tmp_path: Path) -> None:
    fill(fhir)
    outputs = manifest(fhir, "$export")["output"]
    body = b"".join(fhir.get(output["url"]).content for output in outputs)
    with client(tmp_path / "other") as other:
        counts = {output["type"]: output["count"] for output in imported(other, body)["output"]}
        assert counts == {"Observation": 3, "Organization": 1, "Patient": 3}
        assert b'"value":72.50' in other.get("Observation/o1").content


def test_an_import_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    body = b"\n".join(b'{"resourceType":"Patient","gender":"male"}' for _ in range(700))
    with client(tmp_path) as fhir:
        first = imported(fhir, body)
        assert first["output"] == [{"type": "Patient", "count": 700}]
    [state] = (tmp_path / "bulk").glob("*/job.json")
    job = json.loads(state.read_bytes())
    half = {"ended": None, "lines": 250, "output": [{"type": "Patient", "file": "", "count": 250}]}
    state.write_text(json.dumps(job | half))
    with client(tmp_path) as fhir:
        assert ended(fhir, f"$bulk-status?job={job['id']}").json()["output"] == first["output"]
        outputs = manifest(fhir, "$export", _type="Patient")["output"]
        assert [output["count"] for output in outputs] == [700]


def test_a_job_that_cannot_be_done_says_so(tmp_path: Path) -> None:
    with client(tmp_path) as fhir:
        imported(fhir, b'{"resourceType":"Patient"}')
    [state] = (tmp_path / "bulk").glob("*/job.json")
    job = json.loads(state.read_bytes())
    state.write_text(json.dumps(job | {"ended": None, "lines": 0}))
    (state.parent / "input").unlink()
    with client(tmp_path) as fhir:
        answer = ended(fhir, f"$bulk-status?job={job['id']}")
        assert answer.status_code == 500
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_only_ndjson_is_imported(fhir: httpx.Client) -> None:
    headers = ASYNC | {"content-type": "text/csv"}
    assert fhir.post("$import", content=b"a,b", headers=headers).status_code == 415
