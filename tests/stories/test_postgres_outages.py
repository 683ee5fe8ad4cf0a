"""The PostgreSQL database goes away in many ways while servers work on it: requests wait for it a
little, or are told to come again; nothing that was acknowledged is lost, nothing is written twice,
and everything goes on by itself when it is back.

What takes long: `./test -m heavy tests/stories/test_postgres_outages.py`
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest

from tests.kit.connections import until
from tests.kit.history.proof import survive
from tests.kit.history.site import Site
from tests.kit.postgres import Cluster, a_database, tell
from tests.kit.proxy import Proxy
from tests.kit.replication import Pair
from tests.kit.server import FHIR, issue, running_server

Json = dict[str, Any]

LONG = 15  # seconds: more than any request waits for a database
SHORT = 3  # … and for one that is known to be gone


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(durable=True) as found:
        found.start()
        yield found


@pytest.fixture
def database(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    name = f"record_{abs(hash(request.node.name))}"
    tell(cluster.url(), f"CREATE DATABASE {name}")
    return cluster.url(name)


class Served:
    def __init__(self, root: str, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.fhir = httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=LONG)
        self.pages = httpx.Client(base_url=root, timeout=SHORT)

    def write(self, id: str, **options: Any) -> httpx.Response:
        resource = {"resourceType": "Patient", "id": id}
        return self.fhir.put(f"Patient/{id}", json=resource, **options)

    def read(self, id: str, **options: Any) -> httpx.Response:
        return self.fhir.get(f"Patient/{id}", **options)

    def search(self, **options: Any) -> httpx.Response:
        return self.fhir.get("Patient?_count=100", **options)

    def ids(self) -> list[str]:
        return sorted(each["resource"]["id"] for each in self.search().json().get("entry", ()))


@contextmanager
def served(folder: Path, database: str) -> Iterator[Served]:
    log = folder / "log"
    with (
        log.open("a") as errors,
        running_server(folder, database=database, errors=errors) as (root, process),
    ):
        found = Served(root, process, log)
        with found.fhir, found.pages:
            yield found
    assert "Traceback" not in log.read_text(), log.read_text()


def refused(answer: httpx.Response, key: str = "does not answer") -> bool:
    """503, with all that belongs to it."""
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert int(answer.headers["retry-after"]) > 0
    assert issue(answer)["code"] == "transient"
    assert key in issue(answer)["details"]["text"]
    return True


def works(ask: Callable[[], httpx.Response]) -> bool:
    """Or is refused for the time being: nothing else."""
    answer = ask()
    return answer.is_success or not refused(answer)


# Under load


def test_restarted_under_load(tmp_path: Path, cluster: Cluster, database: str) -> None:
    def restart(*, immediate: bool) -> None:
        cluster.stop(immediate=immediate)
        cluster.start()

    with Site(tmp_path, "--database", database, servers=2) as site:
        survive(site, [lambda: restart(immediate=False), lambda: restart(immediate=True)], 100)


def test_connections_ended_at_random_under_load(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    """Of writers, readers, watches and leases alike, whatever they are at."""
    chance = random.Random(3)  # noqa: S311

    def end_some() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            for _ in range(5):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'xinglin' AND random() < 0.3"
                )
                threading.Event().wait(chance.random() / 20)

    with Site(tmp_path, "--database", database, servers=2) as site:
        survive(site, [end_some] * 3, 40)


# At one moment


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_of_which_nothing_is_heard_is_found_out_about(
    tmp_path: Path, cut: Literal["before", "after"]
) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {"resourceType": "Patient", "name": [{"family": f"F{number}"}]},
                "request": {"method": "POST", "url": "Patient"},
            }
            for number in range(3)
        ],
    }
    with (
        a_database() as database,
        Proxy.open(database) as proxy,
        served(tmp_path, proxy.url) as server,
    ):
        ids: list[str] = []
        for round in range(1, 4):
            proxy.cut = cut
            answer = server.fhir.post("", json=bundle)
            assert answer.status_code == 200, answer.text
            ids += [e["response"]["location"].split("/")[-3] for e in answer.json()["entry"]]
            assert proxy.cuts == round
            proxy.cut = cut
            answer = server.write(f"given-{round}")
            assert (answer.status_code, answer.headers["etag"]) == (201, 'W/"1"')
            ids.append(f"given-{round}")
            proxy.cuts -= 1
        assert server.ids() == sorted(ids)
        history = server.fhir.get("_history?_count=100").json()
        assert history["total"] == len(history["entry"]) == len(ids) == len(set(ids)) == 12


# For long


def down(cluster: Cluster) -> AbstractContextManager[None]:
    @contextmanager
    def gone() -> Iterator[None]:
        cluster.stop()
        try:
            yield
        finally:
            cluster.start()

    return gone()


def test_down_for_long(tmp_path: Path, cluster: Cluster, database: str) -> None:
    away_for_long(tmp_path, database, down(cluster))


@pytest.mark.heavy
def test_hanging_for_long(tmp_path: Path, cluster: Cluster, database: str) -> None:
    """All connections stay open, and new ones are taken in by the system."""
    away_for_long(tmp_path, database, cluster.hanging())


def away_for_long(folder: Path, database: str, away: AbstractContextManager[None]) -> None:
    with served(folder, database) as server, ThreadPoolExecutor(30) as threads:
        assert server.write("before").status_code == 201
        with away:
            asked = [
                threads.submit(ask)
                for number in range(8)
                for ask in (
                    partial(server.write, f"w{number}"),
                    partial(server.read, "before"),
                    server.search,
                )
            ]
            until_done(server, asked)
            assert all(refused(each.result()) for each in asked)
            for number in range(20):  # nobody waits any more
                refused(server.write(f"later-{number}", timeout=SHORT))
                refused(server.read("before", timeout=SHORT))
                refused(server.search(timeout=SHORT))
                assert server.pages.get("/healthz").status_code == 200
                assert server.pages.get("/readyz").status_code == 503
            assert server.fhir.get("metadata", timeout=SHORT).status_code == 200
        until(lambda: works(lambda: server.write("after")))
        until(lambda: works(lambda: server.read("before")))
        assert server.pages.get("/readyz").status_code == 200
        # What was under way may have been written; what was refused at once was not.
        assert (
            {"after", "before"}
            <= set(server.ids())
            <= {"after", "before", *(f"w{number}" for number in range(8))}
        )
        lines = server.log.read_text().splitlines()
        assert 1 <= sum("waits for the record" in line for line in lines) <= 3, lines


def until_done(server: Served, asked: list[Future[httpx.Response]]) -> None:
    """And meanwhile the event loop is free."""
    while not all(each.done() for each in asked):
        assert server.pages.get("/healthz").status_code == 200
        threading.Event().wait(0.1)


@pytest.mark.heavy
def test_a_server_can_be_stopped_while_its_database_is_down(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    stopped_while_away(tmp_path, database, down(cluster))


@pytest.mark.heavy
def test_a_server_can_be_stopped_while_its_database_hangs(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    stopped_while_away(tmp_path, database, cluster.hanging())


def stopped_while_away(folder: Path, database: str, away: AbstractContextManager[None]) -> None:
    with served(folder, database) as server, ThreadPoolExecutor(3) as threads:
        assert server.write("before").status_code == 201
        with away:
            asked = [
                threads.submit(server.write, "w"),
                threads.submit(server.read, "before"),
                threads.submit(server.search),
            ]
            threading.Event().wait(0.5)
            server.process.terminate()
            assert server.process.wait(2 * LONG) == 0
            for each in asked:
                assert refused(each.result())


@pytest.mark.heavy
def test_a_standby_that_is_gone_stops_only_the_writing(tmp_path: Path) -> None:
    """A commit waits for the standby without end. Nobody is told that it is safe."""
    with Pair.open() as pair:
        tell(pair.primary.url(), "CREATE DATABASE record")
        with served(tmp_path, pair.url("record")) as server, ThreadPoolExecutor(9) as threads:
            assert server.write("before").status_code == 201
            pair.standby.kill()
            line = b'{"resourceType": "Organization", "id": "h"}'
            content = {"content-type": "application/fhir+ndjson", "prefer": "respond-async"}
            begun = server.fhir.post("$import", content=line, headers=content)
            job = begun.headers["content-location"]
            asked = [threads.submit(server.write, f"w{number}") for number in range(8)]
            while not all(each.done() for each in asked):
                assert server.read("before", timeout=SHORT).status_code == 200
                assert server.search(timeout=SHORT).status_code == 200
                assert server.pages.get("/readyz").status_code == 200
                threading.Event().wait(0.1)
            assert all(refused(each.result()) for each in asked)
            for number in range(20):
                refused(server.write(f"later-{number}", timeout=SHORT))
            assert server.fhir.get(job).status_code == 202
            pair.standby.start()
            until(lambda: works(lambda: server.write("after")))
            until(lambda: server.fhir.get(job).status_code != 202)
            assert server.fhir.get(job).json()["output"] == [{"type": "Organization", "count": 1}]
            there = set(server.ids())
            assert {"before", "after"} <= there
            assert not any(id.startswith("later") for id in there)
            for id in there:
                assert server.fhir.get(f"Patient/{id}/_history").json()["total"] == 1


@pytest.mark.heavy
def test_a_server_that_hangs_with_the_lane_loses_it(
    tmp_path: Path, cluster: Cluster, database: str
) -> None:
    entries = [
        {
            "resource": {"resourceType": "Patient", "name": [{"family": f"F{number}"}]},
            "request": {"method": "POST", "url": "Patient"},
        }
        for number in range(5000)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    for each in ("one", "other"):
        (tmp_path / each).mkdir()
    with (
        served(tmp_path / "one", database) as one,
        served(tmp_path / "other", database) as other,
        ThreadPoolExecutor(2) as threads,
        psycopg.connect(database, autocommit=True) as looking,
    ):
        holder = (
            "SELECT count(*) FROM pg_locks WHERE relation = 'xinglin.lane'::regclass"
            " AND mode = 'RowShareLock' AND granted"
        )

        def held() -> bool:
            return looking.execute(holder).fetchone() != (0,)

        assert other.write("before").status_code == 201
        answer = threads.submit(one.fhir.post, "", json=bundle, timeout=120)
        while not held():
            pass
        os.kill(one.process.pid, signal.SIGSTOP)
        try:
            threading.Event().wait(0.5)
            assert held()
            waiting = threads.submit(other.write, "waits", timeout=120)
            assert other.read("before").status_code == 200
            assert waiting.result().status_code == 201
            assert other.write("goes-on").status_code == 201
        finally:
            os.kill(one.process.pid, signal.SIGCONT)
        assert answer.result().status_code == 200
        assert one.write("last").status_code == 201
        for fhir in (one.fhir, other.fhir):
            assert fhir.get("Patient?_summary=count&name=F").json()["total"] == 5000
            assert fhir.get("Patient?_id=waits,goes-on,last").json()["total"] == 3
