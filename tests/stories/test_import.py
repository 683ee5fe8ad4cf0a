"""`xinglin import`: files of all kinds go in whole, are reported where they cannot, and an
interrupted run loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.kit.outside import data
from tests.kit.server import client, running_server, serving
from xinglin.cli import main
from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.store.face import UNRESTRICTED
from xinglin.store.sqlite import open_store

Json = dict[str, Any]


def xinglin(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What imports through a server remember is not the developer's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def contents(record: Path) -> dict[str, Json]:
    """All that is in a record, by `Type/id`."""
    store = open_store(record, clock=lambda: time.time_ns() // 1000)
    try:
        found: dict[str, Json] = {}
        for name in RESOURCE_TYPES:
            cursor = None
            while True:
                page = asyncio.run(store.history(UNRESTRICTED, name, count=1000, cursor=cursor))
                for version in page.versions:
                    key = f"{version.type}/{version.id}"
                    if key not in found:
                        found[key] = parse_exact(version.content) if version.content else {}
                if page.next is None:
                    break
                cursor = page.next
        return found
    finally:
        store.close()


def patient(id: str | None = None, **more: Any) -> Json:
    return {"resourceType": "Patient"} | ({"id": id} if id else {}) | more


def entry(resource: Json, method: str = "POST", **request: str) -> Json:
    asked = {"method": method, "url": resource["resourceType"]} | request
    return {"fullUrl": f"urn:uuid:{resource.get('id')}", "resource": resource, "request": asked}


def bundle(type: str, *entries: Json) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": type, "entry": entries}).encode()


ONE = bundle("collection", {"resource": patient("one")})


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.json", lambda plain: plain),
        ("a.json.gz", gzip.compress),
        ("a.json.bz2", bz2.compress),
        ("a.json.zst", zstandard.compress),
    ],
)
def test_files_packed_in_any_way(record: Path, files: Path, name: str, packed: Any) -> None:
    (files / name).write_bytes(packed(ONE))
    assert xinglin("import", files / name, "--data", record) == 0
    assert contents(record).keys() == {"Patient/one"}


def test_archives_folders_and_patterns(record: Path, files: Path) -> None:
    with zipfile.ZipFile(files / "some.zip", "w") as archive:
        archive.writestr("in/a.json", json.dumps(patient("zipped")))
        archive.writestr("in/b.ndjson.gz.txt", "not for us")
    (files / "deep").mkdir()
    (files / "deep" / "b.ndjson").write_text('{"resourceType":"Patient","id":"line"}\n\n')
    (files / "README.md").write_text("not for us")
    (files / "c.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(patient("alone")).encode())
    assert xinglin("import", files, files / "*.json", "--data", record) == 0
    assert contents(record).keys() == {"Patient/zipped", "Patient/line", "Patient/alone"}


@pytest.mark.parametrize("type", ["transaction", "batch", "collection", "searchset"])
def test_bundles_of_each_type(record: Path, files: Path, type: str) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:p"},
    }
    entries = [entry(patient("p")), entry(observation)]
    if type in ("collection", "searchset"):
        for each in entries:
            del each["request"]
    (files / "a.json").write_bytes(bundle(type, *entries))
    assert xinglin("import", files, "--data", record) == 0
    found = contents(record)
    [subject] = [v["subject"] for k, v in found.items() if k.startswith("Observation/")]
    assert subject["reference"] in found
    if type in ("collection", "searchset"):
        assert found.keys() == {"Patient/p", "Observation/o"}


def test_what_is_needed_may_come_in_a_later_file(record: Path, files: Path) -> None:
    condition = "Practitioner?identifier=urn:test|7"
    needy = {"resourceType": "PractitionerRole", "practitioner": {"reference": condition}}
    doctor = {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": "urn:test", "value": "7"}],
    }
    (files / "1.json").write_bytes(bundle("transaction", entry(needy)))
    (files / "2.json").write_bytes(
        bundle("batch", entry(doctor, ifNoneExist="identifier=urn:test|7"))
    )
    assert xinglin("import", files, "--data", record) == 0
    found = contents(record)
    [role] = [v for k, v in found.items() if k.startswith("PractitionerRole/")]
    assert role["practitioner"]["reference"] in found


def rejections(report: Path) -> list[Json]:
    return [json.loads(line) for line in report.read_bytes().splitlines()]


BAD = patient("bad", birthDate="yesterday")


def test_what_is_refused_is_reported_and_the_rest_is_in(
    record: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(patient(f"n{number}")) for number in range(700)]
    lines[600:600] = [json.dumps(BAD), "{ no json", '{"resourceType":"Banana"}', '"text"']
    (files / "a.ndjson").write_text("\n".join(lines))
    (files / "b.json").write_bytes(bundle("transaction", entry(patient("t")), entry(BAD)))
    (files / "c.json").write_bytes(bundle("batch", entry(patient("c1")), entry(BAD)))
    (files / "d.json").write_bytes(b'{"resourceType":"Bundle","type":"history"}')
    (files / "e.json.gz").write_bytes(gzip.compress(ONE)[:-20])
    (files / "f.json").write_bytes(ONE)
    report = files / "report"
    words = ("--on-error", "skip", "--report", report, "--json", "--data", record)
    assert xinglin("import", files, *words) == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["rejected"] == 8
    assert summary["created"] == len(contents(record)) == 702
    reported = {(Path(r["source"]).name, r.get("line"), r.get("entry")) for r in rejections(report)}
    assert reported == {
        *(("a.ndjson", number, None) for number in range(601, 605)),
        ("b.json", None, None),
        ("c.json", None, 1),
        ("d.json", None, None),
        ("e.json.gz", None, None),
    }
    for rejection in rejections(report):
        assert rejection["outcome"]["resourceType"] == "OperationOutcome"


def test_without_a_word_it_stops_at_the_first_refusal(record: Path, files: Path) -> None:
    (files / "a.json").write_text(json.dumps(BAD))
    for number in range(20):
        (files / f"b{number}.json").write_text(json.dumps(patient(f"p{number}")))
    assert xinglin("import", files, "--data", record) == 1
    assert len(contents(record)) < 20


def test_a_transaction_can_be_split(record: Path, files: Path) -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "urn:uuid:good"},
    }
    parts = entry(patient("good")), entry(BAD), entry(observation)
    (files / "a.json").write_bytes(bundle("transaction", *parts))
    assert xinglin("import", files, "--split", "--on-error", "skip", "--data", record) == 1
    found = contents(record)
    assert found.keys() == {"Patient/good", "Observation/o"}
    assert found["Observation/o"]["subject"]["reference"] == "Patient/good"


def test_ids_are_kept_when_asked(
    record: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nameless = entry(patient())
    nameless["fullUrl"] = "urn:uuid:5a0ac5b5-7d3a-4d0c-9d5d-8a7b0f6f3c11"
    found_by = entry(patient("cond"), ifNoneExist="identifier=1")
    (files / "a.json").write_bytes(bundle("transaction", entry(patient("a")), nameless, found_by))
    for created in (3, 0):
        assert xinglin("import", files, "--keep-ids", "--json", "--data", record) == 0
        assert json.loads(capsys.readouterr().out)["created"] == created
    found = contents(record)
    assert found.keys() == {
        "Patient/a",
        "Patient/cond",
        "Patient/5a0ac5b5-7d3a-4d0c-9d5d-8a7b0f6f3c11",
    }
    assert {resource["meta"]["versionId"] for resource in found.values()} == {"1"}


def test_large_lines_do_not_all_go_into_one_transaction(record: Path, files: Path) -> None:
    """While others wait for it."""
    large = {"contentType": "image/png", "data": "A" * 9_000_000}
    lines = [{"resourceType": "Binary", "id": f"b{number}"} | large for number in range(3)]
    (files / "a.ndjson").write_text("\n".join(map(json.dumps, [patient("p"), *lines])))
    assert xinglin("import", files, "--data", record) == 0
    found = contents(record)
    assert found.keys() == {"Patient/p", "Binary/b0", "Binary/b1", "Binary/b2"}
    when = {id: resource["meta"]["lastUpdated"] for id, resource in found.items()}
    assert when["Patient/p"] == when["Binary/b0"] == when["Binary/b1"] < when["Binary/b2"]


def test_through_a_server_by_its_address(files: Path) -> None:
    (files / "a.json").write_bytes(ONE)
    with serving() as root:
        assert xinglin("import", files, "--url", f"{root}/fhir", "--header", "X-Test: 1") == 0
        assert xinglin("import", files, "--url", f"{root}/fhir") == 0


def test_through_the_server_that_has_the_folder(record: Path, files: Path) -> None:
    (files / "a.json").write_bytes(ONE)
    with running_server(record):
        assert xinglin("import", files, "--data", record) == 0
    assert contents(record).keys() == {"Patient/one"}


def test_a_command_that_makes_no_sense(files: Path, record: Path) -> None:
    assert xinglin("import") == 2
    assert xinglin("import", files / "nothing.json", "--data", record) == 2
    assert xinglin("import", files, "--data", record, "--on-error", "cry") == 2
    (files / "a.zip").write_bytes(b"no archive")
    assert xinglin("import", files / "a.zip", "--data", record) == 2


def test_a_record_that_cannot_be_reached(files: Path) -> None:
    (files / "a.json").write_bytes(ONE)
    assert xinglin("import", files, "--url", "http://127.0.0.1:9/fhir") == 3
    assert xinglin("import", files, "--url", "nonsense") == 3


def killed_half_way(record: Path, words: list[str]) -> None:
    """Run an import, and kill it without warning once it has written something."""
    command = [sys.executable, "-m", "xinglin.cli", "import", *words]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    database = record / "record.sqlite-wal"
    for _ in range(3000):
        if process.poll() is not None or (
            database.exists() and database.stat().st_size > 2_000_000
        ):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_and_run_again_it_loses_nothing_and_doubles_nothing(
    record: Path, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Although nothing but the place in a file tells these patients apart."""
    line = json.dumps(patient(name=[{"family": "Same"}]))
    (files / "a.ndjson").write_text(f"{line}\n" * 20_000)
    for number in range(30):
        parts = [entry(patient(name=[{"family": f"B{number}"}])) for _ in range(50)]
        for place, part in enumerate(parts):
            part["fullUrl"] = f"urn:uuid:{place}"
        (files / f"b{number}.json").write_bytes(bundle("transaction", *parts))
    words = [str(files), "--data", str(record)]
    killed_half_way(record, words)
    before = len(contents(record))
    assert 0 < before < 21_500
    assert xinglin("import", *words, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["created"] == 21_500 - before
    families = Counter(p["name"][0]["family"] for p in contents(record).values())
    assert families == {"Same": 20_000} | {f"B{number}": 50 for number in range(30)}


# --- Synthea -------------------------------------------------------------------------------


def synthea(patients: int | None) -> list[Path]:
    """The shared bundles, and so many patients of the smallest."""
    folder = data("synthea")
    shared = sorted(folder.glob("0-*.json.bz2"))
    others = sorted(folder.glob("[!0]*.json.bz2"), key=lambda path: path.stat().st_size)
    return shared + sorted(others[:patients])


def sent(paths: list[Path]) -> Iterator[Json]:
    """The entries of all bundles, as they were sent."""
    for path in paths:
        yield from parse_exact(bz2.decompress(path.read_bytes()))["entry"]


def expected(paths: list[Path]) -> dict[str, bytes]:
    """What each resource reads like afterwards, under its own id."""
    entries = list(sent(paths))
    names: dict[str, str] = {}
    for each in entries:
        resource = each["resource"]
        name = f"{resource['resourceType']}/{resource['id']}"
        names[each["fullUrl"]] = name
        for identifier in resource.get("identifier", ()):
            if "system" in identifier and "value" in identifier:
                value = f"{identifier['system']}|{identifier['value']}"
                names[f"{resource['resourceType']}?identifier={value}"] = name

    def linked(value: Any) -> Any:
        if isinstance(value, dict):
            changed = {key: linked(item) for key, item in value.items()}
            if isinstance(reference := changed.get("reference"), str):
                changed["reference"] = names.get(reference, reference)
            return changed
        return [linked(item) for item in value] if isinstance(value, list) else value

    return {names[each["fullUrl"]]: comparable(linked(each["resource"])) for each in entries}


def comparable(resource: Json) -> bytes:
    """Without what the server gives; members in any order."""
    given = ("versionId", "lastUpdated")
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in given}
    return dump_exact(dict(sorted({**resource, "meta": meta}.items())))


@pytest.mark.parametrize(
    "patients", [4, pytest.param(None, marks=pytest.mark.heavy)], ids=["some", "all"]
)
def test_synthea_comes_out_as_it_went_in(
    record: Path, patients: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = synthea(patients)
    words = ("--data", record, "--keep-ids", "--json")
    assert xinglin("import", *paths, *words) == 0
    summary = json.loads(capsys.readouterr().out)
    wanted = expected(paths)
    assert summary["types"] == Counter(name.partition("/")[0] for name in wanted)
    assert summary["created"] == len(wanted)
    found = contents(record)
    assert found.keys() == wanted.keys()
    for name, resource in found.items():
        assert comparable(resource) == wanted[name], name
    assert xinglin("import", *paths, *words) == 0
    assert json.loads(capsys.readouterr().out)["created"] == 0
    assert {resource["meta"]["versionId"] for resource in contents(record).values()} == {"1"}


def test_synthea_with_new_ids_is_all_there(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = synthea(3)
    assert xinglin("import", *paths, "--data", record, "--json") == 0
    wanted = Counter(each["resource"]["resourceType"] for each in sent(paths))
    found = contents(record)
    assert Counter(name.partition("/")[0] for name in found) == wanted
    text = dump_exact(list(found.values())).decode()
    for reference in re.findall(r'"reference":"([^"#]+)"', text):
        assert reference in found


def test_synthea_through_http_is_the_same(record: Path) -> None:
    paths = synthea(2)
    with client(record) as fhir:
        assert xinglin("import", *paths, "--url", str(fhir.base_url), "--keep-ids") == 0
    wanted = expected(paths)
    found = contents(record)
    assert found.keys() == wanted.keys()
    for name, resource in found.items():
        assert comparable(resource) == wanted[name], name
