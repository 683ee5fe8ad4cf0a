"""Two servers on one PostgreSQL database keep whatever they answered for, and nothing by halves,
though servers and database are killed (SIGKILL) while many write, and though the database fails
over to its synchronous standby.

A few times here. Fifty kills and ten failovers:
`XINGLIN_KILLS=50 XINGLIN_FAILOVERS=10 ./test -m heavy -s tests/stories/test_kill_postgres.py`
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.history.proof import prove
from tests.kit.history.run import run
from tests.kit.history.site import Site
from tests.kit.postgres import Cluster, tell
from tests.kit.replication import Pair

KILLS = int(os.environ.get("XINGLIN_KILLS", "50"))
FAILOVERS = int(os.environ.get("XINGLIN_FAILOVERS", "10"))
ANSWERS = 150  # to requests to write, between one disturbance and the next
NAME = "record"


def test_servers_and_database_killed_while_many_write(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 4)


@pytest.mark.heavy
def test_servers_and_database_killed_many_times(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, KILLS)


def test_the_database_fails_over_while_many_write(tmp_path: Path) -> None:
    failing_over_again_and_again(tmp_path, 1)


@pytest.mark.heavy
def test_the_database_fails_over_many_times(tmp_path: Path) -> None:
    failing_over_again_and_again(tmp_path, FAILOVERS)


def killed_again_and_again(folder: Path, times: int) -> None:
    """In turn one of the servers, and the database with all its processes."""
    with Cluster(durable=True) as cluster:
        cluster.start()
        tell(cluster.url(), f"CREATE DATABASE {NAME}")

        def crash() -> None:
            cluster.kill()
            cluster.start()

        with Site(folder, "--database", cluster.url(NAME), servers=2) as site:
            _prove(site, [(site.crash, crash)[number % 2] for number in range(times)])


def failing_over_again_and_again(folder: Path, times: int) -> None:
    """The dead primary comes back as the standby while everybody works on."""
    with Pair.open() as pair:
        tell(pair.primary.url(), f"CREATE DATABASE {NAME}")

        def fail_over() -> None:
            pair.fail_over()
            pair.rebuild()

        with Site(folder, "--database", pair.url(NAME), servers=2) as site:
            _prove(site, [fail_over] * times)


def _prove(site: Site, disturbances: list[Callable[[], None]]) -> None:
    notes = run(site.roots, acknowledgements=ANSWERS * len(disturbances), disturbances=disturbances)
    prove(notes, site.roots)
