"""Several servers on one PostgreSQL database are one record, whichever of them is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.connections import until
from tests.kit.history.proof import prove
from tests.kit.history.run import run
from tests.kit.postgres import a_database
from tests.kit.server import FHIR, running_server
from xinglin.cli import main

Json = dict[str, Any]

STRICT = {"prefer": "handling=strict"}
ASYNC = {"prefer": "respond-async"}
SYSTEMS = ("http://loinc.org", "http://snomed.info/sct", "urn:oid:1.2.156.10011")
UNITS = ("mmol/L", "mg/dL", "g/L", "kg")


class Two:
    """Two servers with one database and one folder for the files of jobs."""

    def __init__(self, database: str, folder: Path, clients: list[httpx.Client]) -> None:
        self.database = database
        self.folder = folder
        self.clients = clients
        self.one, self.other = clients
        self.roots = [str(each.base_url).removesuffix("/fhir/") for each in clients]

    def turn(self, number: int) -> httpx.Client:
        return self.clients[number % 2]

    def path(self, url: str) -> str:
        """An address that one of them gave, for either."""
        return url.split("/fhir/")[1]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("data")
    with ExitStack() as stack:
        database = stack.enter_context(a_database())
        clients = []
        for _ in range(2):
            root, _ = stack.enter_context(running_server(folder, database=database))
            client = httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=60)
            clients.append(stack.enter_context(client))
        yield Two(database, folder, clients)


def put(fhir: httpx.Client, resource: Json, **headers: str) -> httpx.Response:
    address = f"{resource['resourceType']}/{resource['id']}"
    answer = fhir.put(address, json=resource, headers=headers)
    assert answer.is_success, answer.text
    return answer


def patient(id: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id} | more


def ids(fhir: httpx.Client, search: str, **headers: str) -> list[str]:
    """Of all pages, in order."""
    found: list[str] = []
    bundle = fhir.get(search, headers=headers).json()
    while True:
        found += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return found
        bundle = fhir.get(following[0]).json()


def xinglin(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_what_one_writes_the_other_shows_at_once(two: Two) -> None:
    for number in range(1, 21):
        writer, reader = two.turn(number), two.turn(number + 1)
        written = put(writer, patient("shared", multipleBirthInteger=number))
        assert written.headers["etag"] == f'W/"{number}"'
        assert reader.get("Patient/shared").content == written.content
        assert reader.get(f"Patient/shared/_history/{number}").content == written.content
        assert ids(reader, "Patient?_id=shared&_lastUpdated=gt2020") == ["shared"]
        newest = reader.get("_history?_count=1").json()["entry"][0]["resource"]
        assert newest == written.json()
    two.one.delete("Patient/shared")
    assert two.other.get("Patient/shared").status_code == 410


def test_what_many_clients_of_both_are_told_fits_one_order_of_everything(tmp_path: Path) -> None:
    """Conditional creates and transactions with If-Match that race with one another are among
    it, and who follows the feed at either server sees all of it in its order."""
    with (
        a_database() as database,
        running_server(tmp_path, database=database) as (one, _),
        running_server(tmp_path, database=database) as (other, _),
    ):
        notes = run([one, other], clients=6, acknowledgements=150)
        prove(notes, [one, other])


def test_a_conditional_create_that_all_try_at_once_creates_one(two: Two) -> None:
    system = "http://example.org/claims"

    def create(number: int) -> int:
        resource = patient("x", identifier=[{"system": system, "value": str(number // 8)}])
        del resource["id"]
        condition = {"if-none-exist": f"identifier={system}|{number // 8}"}
        return two.turn(number).post("Patient", json=resource, headers=condition).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(create, range(80)))
    assert [statuses.count(status) for status in (201, 200)] == [10, 70]
    for fhir in two.clients:
        assert len(ids(fhir, f"Patient?identifier={system}|")) == 10


def test_pages_of_one_search_come_from_either_while_both_write(two: Two) -> None:
    there = [f"page-{number:02}" for number in range(30)]
    for number, id in enumerate(there):
        put(two.turn(number), patient(id, name=[{"family": "Page"}]))
    for first in ("Patient?name=page&_count=4", "Patient?name=page&_count=4&_sort=-_id"):
        seen: list[str] = []
        path, turn = first, 0
        while path:
            bundle = two.turn(turn).get(path).json()
            seen += [entry["resource"]["id"] for entry in bundle["entry"]]
            put(two.turn(turn + 1), patient(f"late-{turn}", name=[{"family": "Page"}]))
            path = "".join(two.path(li["url"]) for li in bundle["link"] if li["relation"] == "next")
            turn += 1
        assert turn >= 8
        for number in range(turn):
            two.turn(number).delete(f"Patient/late-{number}")
        assert sorted(id for id in seen if id in there) == there


def test_what_both_name_for_the_first_time_is_found_at_both(two: Two) -> None:
    """Codes, systems, units, texts and references, made by both at once: each gets one number."""

    def observation(number: int) -> Json:
        system, code = SYSTEMS[number % 3], f"c-{number % 17}"
        return {
            "resourceType": "Observation",
            "id": f"named-{number}",
            "status": "final",
            "code": {"coding": [{"system": system, "code": code, "display": f"Text {code}"}]},
            "subject": {"reference": f"Patient/named-{number % 11}"},
            "valueQuantity": {"value": number, "unit": UNITS[number % 4]},
        }

    numbers = range(240)
    with ThreadPoolExecutor(6) as threads:
        # Neighbours name the same at about the same time, at different servers.
        list(threads.map(lambda number: put(two.turn(number), observation(number)), numbers))

    asked = {
        **{
            f"code={SYSTEMS[s]}|c-{c}": [n for n in numbers if n % 3 == s and n % 17 == c]
            for s in range(3)
            for c in range(17)
        },
        **{f"patient=named-{p}": [n for n in numbers if n % 11 == p] for p in range(11)},
        **{
            f"value-quantity=le100||{unit}": [n for n in numbers if n % 4 == u and n <= 100]
            for u, unit in enumerate(UNITS)
        },
        "code:text=text c-3": [n for n in numbers if n % 17 == 3],
    }
    for query, found in asked.items():
        expected = sorted(f"named-{number}" for number in found)
        for fhir in two.clients:
            assert sorted(ids(fhir, f"Observation?_count=500&{query}")) == expected, query


def answers(fhir: httpx.Client, search: str, status: int) -> bool:
    return fhir.get(search, headers=STRICT).status_code == status


def test_a_search_parameter_that_one_brings_into_force_is_known_to_the_other(two: Two) -> None:
    definition = {
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
    search = "Patient?birth-order=77"
    expected = []
    for number in range(700):  # more than one step of the work
        put(two.turn(number), patient(f"born-{number}", multipleBirthInteger=77 + number % 7))
        expected += [] if number % 7 else [f"born-{number}"]
    put(two.one, definition)
    assert two.other.get(search, headers=STRICT).status_code == 400
    begun = two.one.post("$reindex", headers=ASYNC)
    job, number = two.path(begun.headers["content-location"]), 0
    while two.other.get(job).status_code == 202:
        put(two.other, patient(f"meanwhile-{number}", multipleBirthInteger=77))
        expected.append(f"meanwhile-{number}")
        number += 1
    assert two.other.get(job).status_code == 200
    put(two.other, patient("afterwards", multipleBirthInteger=77))
    put(two.other, patient("born-0", multipleBirthInteger=1))
    expected = sorted({*expected, "afterwards"} - {"born-0"})
    for fhir in two.clients:
        until(partial(answers, fhir, search, 200))
        assert sorted(ids(fhir, f"{search}&_count=100", **STRICT)) == expected
    put(two.one, definition | {"status": "retired"})
    assert xinglin("reindex", "--database", two.database) == 0
    for fhir in two.clients:
        until(partial(answers, fhir, search, 400))


def test_a_bulk_job_is_carried_out_once_and_either_answers_for_it(two: Two) -> None:
    lines = [json.dumps(patient(f"bulk-{number}")) for number in range(600)]
    content = {"content-type": "application/fhir+ndjson"}
    begun = two.one.post("$import", content="\n".join(lines), headers=ASYNC | content)
    assert begun.status_code == 202
    imported = finished(two, begun)
    assert [output["count"] for output in imported["output"]] == [600]
    for number in (0, 300, 599):
        versions = two.turn(number).get(f"Patient/bulk-{number}/_history").json()
        assert versions["total"] == 1
    jobs = [two.turn(number).get("$export?_type=Patient", headers=ASYNC) for number in range(4)]
    for number, each in enumerate(jobs):
        [output] = finished(two, each)["output"]
        answer = two.turn(number).get(two.path(output["url"]))
        written = [json.loads(line)["id"] for line in answer.text.splitlines()]
        assert len(written) == len(set(written)) == output["count"]
        assert {f"bulk-{number}" for number in range(600)} <= set(written)


def finished(two: Two, kick_off: httpx.Response) -> Json:
    path = two.path(kick_off.headers["content-location"])
    until(lambda: two.one.get(path).status_code != 202)
    shown = two.other.get(path)
    assert shown.status_code == 200, shown.text
    manifest: Json = shown.json()
    return manifest


def test_commands_work_on_the_database_while_both_serve(two: Two, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for part in range(3):
        lines = [json.dumps(patient(f"file-{part}-{number}")) for number in range(200)]
        (files / f"{part}.ndjson").write_text("\n".join(lines))
    with ThreadPoolExecutor(2) as threads:
        writing = threads.map(
            lambda number: put(two.turn(number), patient(f"besides-{number}")), range(150)
        )
        assert xinglin("import", files, "--database", two.database, "--keep-ids") == 0
        assert len(list(writing)) == 150
    expected = {f"file-{part}-{number}" for part in range(3) for number in range(200)}
    expected |= {f"besides-{number}" for number in range(150)}
    for fhir in two.clients:
        assert expected <= set(ids(fhir, "Patient?_count=1000"))
    out = tmp_path / "out"
    words = ("export", "--out", out, "--database", two.database, "--type", "Patient")
    assert xinglin(*words) == 0
    [file] = out.iterdir()
    exported = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert expected <= set(exported)
    assert len(exported) == len(set(exported))
    for fhir in two.clients:
        assert set(ids(fhir, "Patient?_count=1000")) == set(exported)
