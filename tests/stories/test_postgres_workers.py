"""What servers do beside the requests is done by one of those that share a database, and by another
when that one is killed, hangs, or loses its connection."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import httpx
import pytest

from tests.kit.connections import until
from tests.kit.postgres import a_database, tell
from tests.kit.server import FHIR, running_server

ASYNC = {"prefer": "respond-async"}


class Server(NamedTuple):
    fhir: httpx.Client
    process: Popen[str]


@contextmanager
def a_server(folder: Path, database: str) -> Iterator[Server]:
    with (
        running_server(folder, database=database) as (root, process),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=60) as fhir,
    ):
        yield Server(fhir, process)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a receiver of notifications at port `heard[0]` was told: the paths, after the port."""
    paths: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            paths.append(self.path.rpartition("/")[2])
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Tests say what they saw themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    paths.append(str(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield paths
    server.shutdown()
    thread.join()
    server.server_close()


def subscribe(fhir: httpx.Client, port: str) -> None:
    channel = {
        "type": "rest-hook",
        "endpoint": f"http://127.0.0.1:{port}/hook",
        "payload": "application/fhir+json",
    }
    resource = {
        "resourceType": "Subscription",
        "id": "s",
        "status": "requested",
        "reason": "test",
        "criteria": "Observation?",
        "channel": channel,
    }
    assert fhir.put("Subscription/s", json=resource).is_success
    until(lambda: fhir.get("Subscription/s").json()["status"] == "active")


def observe(fhir: httpx.Client, id: str) -> None:
    code = {"text": "pulse"}
    resource = {"resourceType": "Observation", "id": id, "status": "final", "code": code}
    assert fhir.put(f"Observation/{id}", json=resource).is_success


def end_leases(database: str) -> None:
    tell(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND datname = current_database()",
    )


def first_times(heard: list[str]) -> list[str]:
    return list(dict.fromkeys(heard[1:]))


def test_one_notifies_and_another_goes_on_when_it_is_killed(
    tmp_path: Path, heard: list[str]
) -> None:
    expected: list[str] = []

    def observed(*fhirs: httpx.Client) -> None:
        for _ in range(8):
            for fhir in fhirs:
                expected.append(f"o{len(expected)}")
                observe(fhir, expected[-1])
        until(lambda: len(first_times(heard)) == len(expected))

    with a_database() as database, a_server(tmp_path, database) as one:
        subscribe(one.fhir, heard[0])
        with a_server(tmp_path, database) as other:
            observed(one.fhir, other.fhir)
            assert heard[1:] == expected  # each once
            end_leases(database)
            observed(one.fhir, other.fhir)
            one.process.kill()
            one.process.wait()
            observed(other.fhir)
            assert first_times(heard) == expected


@pytest.mark.heavy
def test_another_notifies_when_one_hangs(tmp_path: Path, heard: list[str]) -> None:
    with a_database() as database, a_server(tmp_path, database) as one:
        subscribe(one.fhir, heard[0])
        with a_server(tmp_path, database) as other:
            observe(one.fhir, "first")
            until(lambda: first_times(heard) == ["first"])
            os.kill(one.process.pid, signal.SIGSTOP)
            try:
                observe(other.fhir, "second")
                until(lambda: first_times(heard) == ["first", "second"])
            finally:
                os.kill(one.process.pid, signal.SIGCONT)
            observe(one.fhir, "third")
            until(lambda: first_times(heard) == ["first", "second", "third"])
            assert other.fhir.get("Subscription/s").json()["status"] == "active"


def test_jobs_are_done_although_their_lease_is_lost_again_and_again(tmp_path: Path) -> None:
    count = 6000
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{n}"}) for n in range(count)]
    with (
        a_database() as database,
        a_server(tmp_path, database) as one,
        a_server(tmp_path, database) as other,
    ):
        content = {"content-type": "application/fhir+ndjson"}
        begun = one.fhir.post("$import", content="\n".join(lines), headers=ASYNC | content)
        [output] = ended(database, begun, other)["output"]
        assert output["count"] == count
        exported = ended(database, other.fhir.get("$export", headers=ASYNC), one)
        [output] = exported["output"]
        text = one.fhir.get(output["url"].split("/fhir/")[1]).text
        patients = [json.loads(line) for line in text.splitlines()]
        assert sorted(each["id"] for each in patients) == sorted(f"p{n}" for n in range(count))
        assert {each["meta"]["versionId"] for each in patients} == {
            "1"
        }  # nothing was written twice


def ended(database: str, kick_off: httpx.Response, server: Server) -> dict[str, Any]:
    """What a job ends with whose lease is lost three times."""
    assert kick_off.status_code == 202, kick_off.text
    status = kick_off.headers["content-location"].split("/fhir/")[1]
    for _ in range(3):
        time.sleep(0.4)
        end_leases(database)
    until(lambda: server.fhir.get(status).status_code != 202)
    answer = server.fhir.get(status)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
