"""`xinglin serve` as its operator sees it: started, asked, stopped, refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.kit.server import running_server
from xinglin.fhir.outcome import Refused
from xinglin.server.running import listen
from xinglin.server.settings import load, table

ROOT = Path(__file__).parents[2]
DU = {"resourceType": "Patient", "id": "du"}


def serve(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xinglin.cli", "serve", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_what_was_written_is_there_after_a_restart(tmp_path: Path, stop: signal.Signals) -> None:
    with running_server(tmp_path) as (root, process):
        assert httpx.put(f"{root}/fhir/Patient/du", json=DU).status_code == 201
        process.send_signal(stop)
        assert process.wait(30) == 0
    with running_server(tmp_path) as (root, _):
        assert httpx.get(f"{root}/fhir/Patient/du").status_code == 200


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with running_server(tmp_path) as (root, process):
        assert httpx.put(f"{root}/fhir/Patient/du", json=DU).status_code == 201
        process.kill()
    with running_server(tmp_path) as (root, _):
        assert httpx.get(f"{root}/fhir/Patient/du").status_code == 200


def test_logs_hold_ids_and_nothing_else_of_a_patient(tmp_path: Path) -> None:
    log = tmp_path / "log"
    data, flags = tmp_path / "data", ("--log-level", "debug")
    with log.open("w") as errors, running_server(data, *flags, errors=errors) as (root, _):
        named = DU | {"name": [{"family": "Secret"}]}
        assert httpx.put(f"{root}/fhir/Patient/du", json=named).status_code == 201
        assert httpx.get(f"{root}/fhir/Patient?family=Secret").status_code == 200
        assert httpx.get(f"{root}/fhir/Secret/du").status_code == 404
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    answered = [line for line in lines if line["event"] == "answered"]
    assert [line["status"] for line in answered] == [201, 200, 404]
    assert answered[0]["path"] == "Patient/du"
    assert [line["event"] for line in lines if line["level"] == "info"] == ["started", "stopped"]
    assert "Secret" not in log.read_text()


def test_one_folder_one_server(tmp_path: Path) -> None:
    with running_server(tmp_path):
        second = serve("--data", str(tmp_path), "--port", "0")
    assert second.returncode == 1
    assert str(tmp_path) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with running_server(tmp_path / "one") as (root, _):
        port = root.rpartition(":")[2]
        second = serve("--data", str(tmp_path / "two"), "--port", port)
    assert second.returncode == 1
    assert port in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])  # noqa: S104
def test_nobody_else_may_come_in_yet(host: str) -> None:
    with pytest.raises(Refused) as refused:
        listen(host, 0)
    assert refused.value.issues[0].key == "server.only-loopback"


def test_settings_come_from_file_environment_and_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clinic.toml"
    file.write_text('port = 1001\nmax_page_size = 7\nhandling = "strict"\n')
    monkeypatch.setenv("XINGLIN_PORT", "1002")
    monkeypatch.setenv("XINGLIN_MAX_PAGE_SIZE", "8")
    settings = load(file, {"port": 1003})
    assert (settings.port, settings.max_page_size, settings.handling) == (1003, 8, "strict")


@pytest.mark.parametrize(
    ("text", "at"),
    [("port = 'high'", "port"), ("prot = 80", "prot"), ("port = 70000", "port"), ("port", None)],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, at: str | None) -> None:
    file = tmp_path / "clinic.toml"
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        load(file)
    assert refused.value.issues[0].at == at


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        load(tmp_path / "none.toml")


def test_the_page_of_settings_is_fresh() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == table()
