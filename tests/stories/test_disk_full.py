"""A server whose disk is really full: writes are refused as what may be tried again, reading goes
on, and with space there is writing again; nothing acknowledged is lost, and nothing is half."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from tests.kit.server import FHIR, issue, running_server
from tests.kit.small_disk import SmallDisk, small_disk

LARGE = "x" * 100_000
PATIENCE = 60  # seconds


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, "48m") as found:
        yield found


def patient(id: str, text: str = "x") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": text}]}


def bundle(kind: str, *ids: str) -> dict[str, Any]:
    entries = [
        {"resource": patient(id, noise(id)), "request": {"method": "PUT", "url": f"Patient/{id}"}}
        for id in ids
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def noise(id: str) -> str:
    """Large, and not to be compressed."""
    return random.Random(id).randbytes(50_000).hex()  # noqa: S311


def fill(disk: SmallDisk, fhir: httpx.Client, kept: set[str]) -> None:
    """Until nothing can be written: what the log already has of the disk is used up, too."""
    disk.fill()
    for n in range(400):
        id = f"before{n}"
        answer = fhir.put(f"Patient/{id}", json=patient(id, noise(id)))
        if answer.status_code == 503:
            return
        assert answer.status_code == 201
        kept.add(id)
    raise AssertionError("the disk is never full")


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert issue(answer)["code"] == "transient"


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def ids(fhir: httpx.Client) -> set[str]:
    """Of all patients, by their history."""
    found: set[str] = set()
    address = "Patient/_history?_count=200"
    while address:
        page = fhir.get(address).json()
        found |= {each["resource"]["id"] for each in page.get("entry", ())}
        address = next((x["url"] for x in page["link"] if x["relation"] == "next"), "")
    return found


def sound(disk: SmallDisk) -> None:
    copy = disk.folder.parent / "copy.sqlite"
    shutil.copy(disk.outside / "data" / "record.sqlite", copy)
    connection = apsw.Connection(str(copy))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    [(versions, last)] = connection.execute("SELECT count(*), max(seq) FROM ver")
    assert versions == last
    connection.close()


def test_every_write_is_put_off_while_the_disk_is_full(disk: SmallDisk) -> None:
    data = disk.folder / "data"
    kept = {"du"}
    ndjson = {"content-type": "application/fhir+ndjson", "prefer": "respond-async"}
    with (
        running_server(data, within=disk.within) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        assert fhir.put("Patient/du", json=patient("du")).status_code == 201
        for _ in range(2):
            fill(disk, fhir, kept)
            x = patient("x", noise("x"))
            refused(fhir.post("Patient", json=x))
            refused(fhir.put("Patient/du", json=patient("du", noise("y"))))
            change = {"name": [{"family": noise("z")}]}
            merge = {"content-type": "application/merge-patch+json"}
            refused(fhir.patch("Patient/du", json=change, headers=merge))
            refused(fhir.post("", json=bundle("transaction", "t1", "t2", "t3")))
            batch = fhir.post("", json=bundle("batch", "b1", "b2", "b3"))
            if batch.status_code == 200:
                said = [each["response"]["status"][:3] for each in batch.json()["entry"]]
                assert set(said) == {"503"}
            else:
                refused(batch)
            refused(fhir.post("$import", content=b"{}\n" * 100_000, headers=ndjson))
            assert not any((disk.outside / "data" / "bulk").glob("*/input"))

            assert fhir.get("Patient/du").json()["name"] == [{"family": "x"}]
            assert fhir.get("Patient?name=x").json()["total"] == 1
            assert fhir.get("Patient/du/_history").json()["total"] == 1
            assert fhir.get("metadata").status_code == 200
            assert ids(fhir) == kept

            disk.free()
            answer = fhir.post("", json=bundle("transaction", *(f"{len(kept)}t{n}" for n in "123")))
            assert answer.status_code == 200
            kept |= {f"{len(kept)}t{n}" for n in "123"}
            assert ids(fhir) == kept
    with (
        running_server(data, within=disk.within) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        assert ids(fhir) == kept
    sound(disk)


def test_an_import_that_meets_a_full_disk_goes_on_when_there_is_space(disk: SmallDisk) -> None:
    data = disk.folder / "data"
    lines = b"".join(
        json.dumps(patient(f"i{n}", noise(f"i{n}"))).encode() + b"\n" for n in range(40)
    )
    ndjson = {"content-type": "application/fhir+ndjson", "prefer": "respond-async"}
    kept: set[str] = set()
    with (
        running_server(data, within=disk.within) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        # As big as the free space would hold, but not with the record's own copy beside it.
        spare = disk.outside / "spare"
        spare.write_bytes(bytes(len(lines) + 300_000))
        fill(disk, fhir, kept)
        spare.unlink()
        status = fhir.post("$import", content=lines, headers=ndjson).headers["content-location"]
        time.sleep(1)
        assert fhir.get(status).status_code == 202, "it waits"
        assert fhir.get("Patient?_summary=count").json()["total"] == len(kept)
        disk.free()
        until(lambda: fhir.get(status).status_code != 202)
        manifest = fhir.get(status)
        assert manifest.status_code == 200
        assert manifest.json()["output"][0]["count"] == 40
        assert ids(fhir) == kept | {f"i{n}" for n in range(40)}


def test_a_full_disk_at_the_start_is_told_and_later_the_record_is_as_it_was(
    disk: SmallDisk,
) -> None:
    data = disk.folder / "data"
    serve = [sys.executable, "-m", "xinglin.cli", "serve", "--port", "0", "--data", str(data)]
    disk.fill()
    for _ in range(2):
        ended = subprocess.run([*disk.within, *serve], check=False, capture_output=True, text=True)
        assert ended.returncode == 1
        assert "disk" in ended.stderr or "space" in ended.stderr
        assert "Traceback" not in ended.stderr
    disk.free()
    with (
        running_server(data, within=disk.within) as (root, process),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        assert fhir.put("Patient/du", json=patient("du")).status_code == 201
        process.kill()  # and what is left has to be recovered
        process.wait()
    disk.fill()
    with (
        running_server(data, within=disk.within) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        assert ids(fhir) == {"du"}
        refused(fhir.put("Patient/large", json=patient("large", noise("large"))))
    disk.free()
    with (
        running_server(data, within=disk.within) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        assert ids(fhir) == {"du"}
    sound(disk)


def test_a_move_into_a_full_disk_goes_on_when_there_is_space(
    disk: SmallDisk, tmp_path: Path
) -> None:
    with (
        running_server(tmp_path / "a") as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=PATIENCE) as fhir,
    ):
        for n in range(20):
            fhir.put(f"Patient/{n}", json=patient(f"{n}", noise(f"{n}")))
    target = disk.folder / "b"
    words = ["move", str(tmp_path / "a"), str(target), "--json"]
    move = [*disk.within, sys.executable, "-m", "xinglin.cli", *words]
    (disk.outside / "ballast").write_bytes(bytes(47 << 20))
    ended = subprocess.run(move, check=False, capture_output=True, text=True)
    assert ended.returncode == 3
    assert "disk" in ended.stderr
    assert "Nothing" not in ended.stderr
    assert ".." not in ended.stderr
    disk.free()
    ended = subprocess.run(move, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["equal"]
