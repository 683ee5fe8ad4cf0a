"""A database that cannot be used is named, with the reason and without a password: by the server,
which then ends, and by the commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.mortal import free_port
from tests.kit.postgres import Cluster, a_database, tell
from xinglin.cli import main

SECRET = "not-for-anybody"  # noqa: S105
CANNOT, UNREACHABLE = 1, 3  # exit codes


def serve(folder: Path, database: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xinglin.cli", "serve", "--port", "0", "--data", str(folder)]
    flags = ["--database", database, "--log-level", "debug"]
    return subprocess.run(
        [*command, *flags], check=False, capture_output=True, text=True, timeout=60
    )


def command(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Cluster]:
    """A cluster that asks for the password."""
    with Cluster() as cluster:
        cluster.start()
        tell(cluster.url(), "CREATE ROLE ward LOGIN PASSWORD 'right'")
        rules = cluster.data / "pg_hba.conf"
        rules.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        cluster.stop()
        cluster.start()
        yield cluster


def cases(guarded: Cluster) -> Iterator[tuple[str, str, str]]:
    """A URL, where it is said to lead, and why that is of no use."""
    nobody = free_port()
    here = f"127.0.0.1:{guarded.port}"
    yield (
        f"postgresql://ward:{SECRET}@127.0.0.1:{nobody}/record",
        f"postgresql://ward@127.0.0.1:{nobody}/record",
        "Connection refused",
    )
    yield (
        f"postgresql://ward:{SECRET}@{here}/record",
        f"postgresql://ward@{here}/record",
        "password authentication failed",
    )
    yield (
        f"postgresql://{here}/record?user=ward&password={SECRET}",
        f"postgresql://{here}/record?user=ward",
        "password authentication failed",
    )
    yield (
        f"postgresql://ward:right@{here}/nowhere",
        f"postgresql://ward@{here}/nowhere",
        "does not exist",
    )


def test_a_database_that_cannot_be_reached(
    guarded: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.ndjson"
    file.write_text('{"resourceType": "Patient", "id": "p"}')
    commands = [
        ("import", file, "--database"),
        ("export", "--out", tmp_path / "out", "--database"),
        ("reindex", "--database"),
        ("import", file, "--database"),
    ]
    for (url, shown, reason), words in zip(cases(guarded), commands, strict=True):
        ended = serve(tmp_path, url)
        told = [ended.stdout + ended.stderr]
        assert ended.returncode == CANNOT
        assert command(*words, url) == UNREACHABLE
        written = capsys.readouterr()
        told.append(written.out + written.err)
        for each in told:
            said = " ".join(each.split())
            assert shown in said
            assert reason in said
            assert SECRET not in said
            assert "right" not in said
            assert "Traceback" not in said


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ward:{SECRET}%zz@127.0.0.1/record",
        f"postgresql://ward:12/{SECRET}@127.0.0.1/record",
        f"postgresql://ward:{SECRET}/12@127.0.0.1/record",
        f"host=127.0.0.1 dbname=record password={SECRET}",
        f"mysql://ward:{SECRET}@127.0.0.1/record",
        f"postgresql://127.0.0.1/record?nonsense=1&password={SECRET}",
    ],
)
def test_what_is_no_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("reindex", "--database", url) == CANNOT
    written = capsys.readouterr()
    assert "postgresql://user:password@host:port/name" in " ".join(written.err.split())
    assert SECRET not in written.out + written.err


def test_a_database_of_another_edition_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_database() as url:
        assert command("reindex", "--database", url) == 0
        tell(url, "UPDATE xinglin.schema_version SET version = 99")
        capsys.readouterr()
        ended = serve(tmp_path, url)
        assert ended.returncode == CANNOT
        assert command("reindex", "--database", url) == CANNOT
        for said in (ended.stderr, capsys.readouterr().err):
            assert "another edition" in said
            assert "99" in said
            assert "Traceback" not in said
