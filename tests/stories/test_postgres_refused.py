"""A database that cannot be used is named, with the reason and without a password: by the server,
which then ends, and by the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.kit.mortal import free_port
from tests.kit.postgres import Cluster, a_database, tell
from tests.kit.server import FHIR, running_server
from xinglin.cli import main
from xinglin.store.postgres import connecting

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
        f"postgresql://ward:p@{SECRET}@127.0.0.1:1/record",
        f"postgresql://ward:{SECRET}@p@127.0.0.1:1/record",
        f"postgresql://ward:{SECRET}@127.0.0.1/record?options=-c%20work_mem=4MB",
    ],
)
def test_what_is_no_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("reindex", "--database", url) == CANNOT
    written = capsys.readouterr()
    assert "postgresql://user:password@host:port/name" in " ".join(written.err.split())
    assert SECRET not in written.out + written.err


@pytest.mark.parametrize(
    ("rest", "is_account"),
    [
        ("ward:p@ss@127.0.0.1:1/record", True),
        ("ward:12/a@127.0.0.1/record", True),
        ("ward:secret@127.0.0.1/record?options=-c%20work_mem=4MB", False),
    ],
)
def test_what_is_written_wrongly_is_said(
    rest: str, is_account: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("verify", "--database", f"postgresql://{rest}") == CANNOT
    said = capsys.readouterr().err
    assert ("%40" in said) == is_account
    assert ("%3D" in said) != is_account


def test_a_reason_that_holds_the_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for account in ("ward:127.0.0.1@", "ward:%31%32%37.0.0.1@"):
        url = f"postgresql://{account}127.0.0.1:{free_port()}/record"
        assert command("verify", "--database", url) == UNREACHABLE
        said = " ".join(capsys.readouterr().err.split())
        assert "reason is not shown" in said
        assert "refused" not in said


def refused(folder: Path, url: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the server and by the commands, in a sentence with that reason."""
    capsys.readouterr()
    ended = serve(folder, url)
    assert ended.returncode == CANNOT
    told = [ended.stdout + ended.stderr]
    backup = folder / "never.backup"
    for words in (("reindex",), ("verify", "--repair"), ("backup", backup)):
        ended_with = command(*words, "--database", url)
        written = capsys.readouterr()
        told.append(" ".join((written.out + written.err).split()))
        none = words[0] == "backup" and "There is no record in" in told[-1]
        assert ended_with == (UNREACHABLE if none else CANNOT)
        assert none or reason in told[-1]
    assert reason in " ".join(told[0].split())
    for each in told:
        assert "Traceback" not in each
        assert SECRET not in each
    assert not backup.exists()


@pytest.fixture
def ward() -> Iterator[tuple[str, str]]:
    """An empty database: its URL for the administrator, and for a role without rights in it."""
    with a_database() as url:
        role = f"ward_{token_hex(6)}"
        tell(url, f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        try:
            there = urlsplit(url)
            account = f"{role}:{SECRET}@{there.hostname}:{there.port or 5432}"
            yield url, there._replace(netloc=account).geturl()
        finally:
            tell(url, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


def role_of(url: str) -> str:
    return str(urlsplit(url).username)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_database() as url:
        name = f"xinglin_test_{token_hex(6)}"
        how = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        tell(url, f"CREATE DATABASE {name} {how}")
        try:
            there = urlsplit(url)._replace(path=f"/{name}").geturl()
            refused(tmp_path, there, f"the encoding {encoding}", capsys)
        finally:
            tell(url, f"DROP DATABASE {name} WITH (FORCE)")


def test_an_early_edition_of_postgresql(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no early one here; so for once the present one is too early."""
    monkeypatch.setattr(connecting, "EARLIEST", 1000)
    with a_database() as url:
        assert command("reindex", "--database", url) == CANNOT
    assert "PostgreSQL 1000 or later" in " ".join(capsys.readouterr().err.split())


def test_a_role_that_may_make_no_tables(
    ward: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(tmp_path, ward[1], "permission denied for database", capsys)


def test_a_role_that_may_not_write(
    ward: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, mine = ward
    assert command("reindex", "--database", url) == 0
    capsys.readouterr()
    assert command("verify", "--database", mine) == CANNOT
    assert "permission denied for" in capsys.readouterr().err
    tell(
        url,
        f"GRANT USAGE ON SCHEMA xinglin TO {role_of(mine)}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA xinglin TO {role_of(mine)}",
    )
    ended = serve(tmp_path, mine)
    assert ended.returncode == CANNOT
    assert "permission denied for" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert command("reindex", "--database", mine) == CANNOT
    assert "permission denied for" in capsys.readouterr().err
    assert command("verify", "--database", mine) == 0
    assert command("backup", tmp_path / "all.backup", "--database", mine) == 0


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TABLE xinglin.type (a text)",
        "CREATE FUNCTION xinglin.digest(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "CREATE TABLE xinglin.schema_version (a text)",
        "CREATE TABLE xinglin.schema_version (version text)",
    ],
)
def test_tables_of_others_are_left_alone(
    theirs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_database() as url:
        tell(url, "CREATE SCHEMA xinglin", theirs)
        refused(tmp_path, url, "cannot be used", capsys)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'xinglin'"
        with psycopg.connect(url) as connection:
            [(found,)] = connection.execute(tables)
        assert found == theirs.count("TABLE")


def test_a_schema_that_was_made_in_advance(
    ward: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    url, mine = ward
    tell(url, f"CREATE SCHEMA xinglin AUTHORIZATION {role_of(mine)}")
    assert command("reindex", "--database", mine) == 0
    assert command("verify", "--database", mine) == 0
    assert capsys.readouterr().err


def test_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with a_database() as url:
        for words in (("verify", "--database", url), ("verify", "--data", tmp_path)):
            assert command(*words) == UNREACHABLE
            assert "There is no record in" in " ".join(capsys.readouterr().err.split())


def test_rights_and_tables_that_go_while_it_serves(ward: tuple[str, str], tmp_path: Path) -> None:
    url, mine = ward
    tell(url, f"CREATE SCHEMA xinglin AUTHORIZATION {role_of(mine)}")
    away = [
        (
            f"REVOKE ALL ON ALL TABLES IN SCHEMA xinglin FROM {role_of(mine)}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA xinglin TO {role_of(mine)}",
            "permission denied",
        ),
        (
            "ALTER SCHEMA xinglin RENAME TO elsewhere",
            "ALTER SCHEMA elsewhere RENAME TO xinglin",
            "does not exist",
        ),
    ]
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        running_server(tmp_path, database=mine, errors=errors) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=15) as fhir,
    ):
        patient = {"resourceType": "Patient", "id": "p"}
        assert fhir.put("Patient/p", json=patient).status_code == 201
        for takes, gives, reason in away:
            tell(url, takes)
            for _ in range(3):
                for answer in (
                    fhir.get("Patient/p"),
                    fhir.get("Patient?_id=p"),
                    fhir.put("Patient/p", json=patient),
                    fhir.post("Patient", json={"resourceType": "Patient"}),
                ):
                    assert answer.status_code == 503
                    assert "retry-after" in answer.headers
                    assert "does not let it be used" in answer.text
            tell(url, gives)
            assert fhir.get("Patient/p").json()["meta"]["versionId"] == "1"
            assert fhir.post("Patient", json={"resourceType": "Patient"}).status_code == 201
            said = [line for line in log.read_text().splitlines() if reason in line]
            assert said
            reasons = [json.loads(line)["event"] for line in said]
            assert len(set(reasons)) == len(reasons)


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
