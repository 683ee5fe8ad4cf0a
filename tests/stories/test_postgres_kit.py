"""What the other tests rely on where PostgreSQL is concerned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.kit.postgres import Cluster, a_database, tell
from tests.kit.replication import Pair

_PATIENCE = 60


def numbers(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM noted ORDER BY n")]


@contextmanager
def noting(url: str) -> Iterator[list[int]]:
    """A client that writes one number after the other, again and again until it is told that it
    is there; yields those of which it was."""
    told: list[int] = []
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    while not over.is_set():
                        n = len(told)
                        connection.execute(
                            "INSERT INTO noted VALUES (%s) ON CONFLICT DO NOTHING", [n]
                        )
                        told.append(n)
            except psycopg.OperationalError:
                over.wait(0.01)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        thread.join(_PATIENCE)
        assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(_PATIENCE * 100):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("waited in vain")


def until_more(told: list[int]) -> None:
    wanted = len(told) + 20
    until(lambda: len(told) >= wanted)


def test_each_test_has_an_empty_database_of_its_own() -> None:
    with a_database() as one, a_database() as other:
        tell(one, "CREATE TABLE noted (n int)", "INSERT INTO noted VALUES (1)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            numbers(other)
        assert numbers(one) == [1]


def test_a_database_goes_although_somebody_is_connected() -> None:
    with a_database() as url:
        forgotten = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_a_durable_cluster_keeps_what_was_committed_when_all_of_it_is_killed() -> None:
    with Cluster(durable=True) as cluster:
        cluster.start()
        tell(cluster.url(), "CREATE TABLE noted (n int PRIMARY KEY)")
        for _ in range(3):
            with noting(cluster.url()) as told:
                until_more(told)
                cluster.kill()
                assert not cluster.running
                cluster.start()
                until_more(told)
            assert numbers(cluster.url()) == list(range(len(told)))
            tell(cluster.url(), "TRUNCATE noted")


def test_a_cluster_stops_and_starts_again_at_its_port() -> None:
    with Cluster() as cluster:
        cluster.start()
        tell(cluster.url(), "CREATE TABLE noted (n int)")
        cluster.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(cluster.url())
        cluster.start()
        assert numbers(cluster.url()) == []


def test_a_cluster_may_be_started_by_a_thread_that_ends() -> None:
    with Cluster() as cluster:
        thread = threading.Thread(target=cluster.start)
        thread.start()
        thread.join(_PATIENCE)
        tell(cluster.url(), "SELECT 1")
        assert cluster.running


def test_a_cluster_dies_with_the_tests_that_are_killed() -> None:
    script = """
from tests.kit.postgres import Cluster
cluster = Cluster()
cluster.start()
print(cluster.url(), cluster.data, flush=True)
input()
"""
    tests = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with tests:
        assert tests.stdout is not None
        url, data = tests.stdout.readline().decode().split()
        with psycopg.connect(url) as connection:
            os.kill(tests.pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT pg_sleep(%s)", [_PATIENCE])

    def cleared_away() -> bool:
        with Cluster():  # the next one does it
            return not Path(data).exists()

    until(cleared_away)


def test_a_failover_keeps_what_the_primary_answered_and_its_url_leads_to_the_new_one() -> None:
    with Pair.open() as pair:
        tell(pair.url(), "CREATE TABLE noted (n int PRIMARY KEY)")
        with noting(pair.url()) as told:
            for _ in range(2):
                until_more(told)
                before = pair.primary
                pair.fail_over()
                assert pair.standby is before
                assert not before.running
                until_more(told)  # alone
                pair.rebuild()
        assert numbers(pair.url()) == list(range(len(told)))
