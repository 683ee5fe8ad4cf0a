"""What a person meets who types `xinglin …`."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.kit.server import running_server
from xinglin import cli
from xinglin.cli import main
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.settings import load


def xinglin(*words: str) -> int:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_version_says_what_runs_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("version") == 0
    assert platform.python_version() in capsys.readouterr().out


def test_version_can_be_read_by_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("version", "--json") == 0
    versions = json.loads(capsys.readouterr().out)
    assert versions.keys() == {"xinglin", "python", "sqlite", "apsw"}
    assert versions["python"] == platform.python_version()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("--help") == 0
    shown = capsys.readouterr().out
    modules = Path(cli.__file__).parent.glob("[a-z]*.py")
    commands = [
        path.stem.removesuffix("_") for path in modules if f"def {path.stem}(" in path.read_text()
    ]
    assert "version" in commands
    assert [command for command in commands if command not in shown] == []


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("verzion") == 2
    assert "verzion" in capsys.readouterr().err


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert xinglin("version", "--yaml") == 2
    assert "--yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("locale", "word"), [("zh_CN.UTF-8", "不是"), ("en_GB.UTF-8", "is not"), ("C", "is not")]
)
def test_a_refusal_is_said_in_the_language_of_the_terminal(
    locale: str, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version() -> None:
        raise Refused(Issue("value", "fhir.bad-code", at="Patient.gender", given={"value": "x"}))

    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setattr("xinglin.cli.version.version", version)
    assert xinglin("version") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Patient.gender: ")
    assert word in said.err


def test_a_light_command_leaves_the_heavy_modules_alone() -> None:
    asked = "import sys; from xinglin.cli import application; application(['version']); "
    asked += "print(*sorted(m for m in sys.modules if m.startswith('xinglin.')))"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    )
    allowed = {"xinglin.cli", "xinglin.cli.version", "xinglin.fhir"}
    allowed |= {"xinglin.fhir.outcome", "xinglin.fhir.wording"}
    assert set(loaded.stdout.split()) == allowed


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 9000])
def test_a_damaged_record_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.sqlite").write_bytes(content)
    options = ("--data", str(tmp_path))
    commands = {("serve", *options): 1, ("reindex", *options): 3, ("verify", *options): 3}
    for words, code in commands.items():
        command = [sys.executable, "-m", "xinglin.cli", *words]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (words, ended.returncode) == (words, code)
        assert str(tmp_path) in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert (tmp_path / "record.sqlite").read_bytes() == content


def test_a_folder_on_the_command_line_goes_before_a_database_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    monkeypatch.setenv("XINGLIN_DATABASE", url)
    assert load(None, {"port": 0}).place == url
    assert load(None, {"data": tmp_path}).place == tmp_path
    assert load(None, {"data": tmp_path, "database": url}).place == url
    with running_server(tmp_path) as (root, _):
        assert httpx.get(f"{root}/fhir/Patient").status_code == 200
    assert xinglin("verify", "--data", str(tmp_path)) == 0
