"""The disk of a PostgreSQL database is full: what does not fit is refused for the time being."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.kit.connections import until
from tests.kit.postgres import Cluster, tell
from tests.kit.server import FHIR
from tests.stories.test_postgres_outages import refused, served, works


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Where other users may come in, unlike in the folders that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="xinglin-disk-", dir=Path("/var") / "tmp"))
    folder.chmod(0o755)
    options = f"size={megabytes}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        folder.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607
        folder.rmdir()


@pytest.mark.heavy
def test_a_full_disk_of_the_database(tmp_path: Path) -> None:
    """What does not fit is refused, what was acknowledged stays, and with room all goes on. The
    database may have to be started again then: PostgreSQL ends when its log finds no room."""
    settings = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
    noise = random.Random(5)  # noqa: S311
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(160))
        cluster = stack.enter_context(Cluster(durable=True, settings=settings, place=disk))
        cluster.start()
        tell(cluster.url(), "CREATE DATABASE record")
        (tmp_path / "server").mkdir()
        server = stack.enter_context(served(tmp_path / "server", cluster.url("record")))
        ballast = disk / "ballast"
        kept: list[str] = []

        def write(number: int) -> httpx.Response:
            resource = {
                "resourceType": "Binary",
                "id": f"b{number}",
                "contentType": "text/plain",
                "data": noise.randbytes(300_000).hex(),
            }
            return server.fhir.put(f"Binary/b{number}", json=resource)

        number = 0
        for _ in range(2):
            answer = write(number)
            assert answer.status_code == 201, answer.text
            with ballast.open("wb") as file:
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                os.posix_fallocate(file.fileno(), 0, free - 8_000_000)
            while answer.is_success:
                kept.append(f"b{number}")
                number += 1
                answer = write(number)
            refused(answer, "")
            refused(write(number), "")
            ballast.unlink()
            if not cluster.running:
                cluster.start()
            until(partial(works, partial(write, number)))
            kept.append(f"b{number}")
            number += 1
            for id in kept:
                assert server.fhir.get(
                    f"Binary/{id}", headers={"accept": FHIR["content-type"]}
                ).is_success
