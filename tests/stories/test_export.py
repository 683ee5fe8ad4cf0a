"""`xinglin export` and `xinglin reindex`: the record in files, and searched by its own terms."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.kit.server import client, running_server, serving
from xinglin.cli import main

Json = dict[str, Any]


def xinglin(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Two patients, one of them changed, one deleted; an observation with an exact decimal."""
    folder = tmp_path / "record"
    with client(folder) as fhir:
        for id in ("a", "b", "gone"):
            fhir.put(f"Patient/{id}", json={"resourceType": "Patient", "id": id})
        fhir.put("Patient/b", json={"resourceType": "Patient", "id": "b", "gender": "other"})
        fhir.delete("Patient/gone")
        fhir.put(
            "Observation/o",
            content=b'{"resourceType":"Observation","id":"o","status":"final",'
            b'"code":{"text":"x"},"valueQuantity":{"value":1.50}}',
        )
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def check(out: Path) -> None:
    assert names(out) == {"Patient.ndjson", "Observation.ndjson"}
    patients = [json.loads(line) for line in (out / "Patient.ndjson").read_bytes().splitlines()]
    assert {patient["id"]: patient.get("gender") for patient in patients} == {
        "a": None,
        "b": "other",
    }
    assert b'"value":1.50' in (out / "Observation.ndjson").read_bytes()


def test_a_folder_is_exported(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xinglin("export", "--data", record, "--out", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"Observation": 1, "Patient": 2}
    check(tmp_path / "out")


def test_a_server_is_exported_by_its_address(record: Path, tmp_path: Path) -> None:
    with serving(record) as root:
        assert xinglin("export", "--url", f"{root}/fhir", "--out", tmp_path / "out") == 0
    check(tmp_path / "out")


def test_a_folder_in_use_is_exported_through_its_server(record: Path, tmp_path: Path) -> None:
    with running_server(record):
        assert xinglin("export", "--data", record, "--out", tmp_path / "out") == 0
    check(tmp_path / "out")


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_files_can_be_packed(record: Path, tmp_path: Path, packing: str) -> None:
    out = tmp_path / "out"
    words = ("--type", "Observation", "--packing", packing)
    assert xinglin("export", "--data", record, "--out", out, *words) == 0
    assert names(out) == {f"Observation.ndjson.{packing}"}
    content = (out / f"Observation.ndjson.{packing}").read_bytes()
    plain = gzip.decompress(content) if packing == "gz" else unpacked(content)
    assert b'"value":1.50' in plain


def unpacked(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(content).read()


def test_only_what_changed_since(record: Path, tmp_path: Path) -> None:
    words = ("export", "--data", record, "--since", "2999-01-01", "--out")
    assert xinglin(*words, tmp_path / "out") == 0
    assert names(tmp_path / "out") == set()


def test_out_and_in_again_is_the_same(record: Path, tmp_path: Path) -> None:
    assert xinglin("export", "--data", record, "--out", tmp_path / "out") == 0
    assert xinglin("import", tmp_path / "out", "--data", tmp_path / "other") == 0
    assert xinglin("export", "--data", tmp_path / "other", "--out", tmp_path / "again") == 0
    check(tmp_path / "again")


def test_a_command_that_makes_no_sense(record: Path, tmp_path: Path) -> None:
    words = ("export", "--data", record, "--out", tmp_path / "out")
    assert xinglin(*words, "--type", "Banana") == 2
    assert xinglin(*words, "--packing", "box") == 2
    assert xinglin("export", "--data", record) == 2
    assert xinglin(*words, "--since", "soon") == 1
    assert xinglin("export", "--url", "http://127.0.0.1:9/fhir", "--out", tmp_path / "out") == 3


def test_a_misspelt_folder_is_not_taken_for_an_empty_record(tmp_path: Path) -> None:
    nowhere = tmp_path / "recrod"
    assert xinglin("export", "--data", nowhere, "--out", tmp_path / "out") == 3
    assert xinglin("reindex", "--data", nowhere) == 3
    assert not nowhere.exists()


BIRTH_ORDER: Json = {
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


@pytest.mark.parametrize("where", ["folder", "server"])
def test_custom_parameters_come_into_force(record: Path, where: str) -> None:
    with client(record) as fhir:
        fhir.put("SearchParameter/birth-order", json=BIRTH_ORDER)
        second = {"resourceType": "Patient", "id": "a", "multipleBirthInteger": 2}
        fhir.put("Patient/a", json=second)
        if where == "server":
            assert xinglin("reindex", "--url", str(fhir.base_url)) == 0
    if where == "folder":
        assert xinglin("reindex", "--data", record) == 0
    with client(record) as fhir:
        query = {"birth-order": "2"}
        found = fhir.get("Patient", params=query, headers={"prefer": "handling=strict"}).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["a"]


def test_a_wrong_parameter_is_named_and_left_out(
    record: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with client(record) as fhir:
        fhir.put("SearchParameter/wrong", json=BIRTH_ORDER | {"id": "wrong", "expression": "a..b"})
        assert xinglin("reindex", "--url", str(fhir.base_url)) == 1
        assert "SearchParameter/wrong" in capfd.readouterr().err
    assert xinglin("reindex", "--data", record) == 1
    assert "SearchParameter/wrong" in capfd.readouterr().err
    assert xinglin("reindex", "--url", "http://127.0.0.1:9/fhir") == 3
