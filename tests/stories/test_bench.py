"""What a person meets who measures a server: ours, another, one that lacks a feature, none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.kit.server import serving


def bench(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xinglin.cli", "bench", "--quick", *flags]
    surroundings = {**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "140"}
    return subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)


def measured(folder: Path, *flags: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of the report by workload and part."""
    file = folder / "report.json"
    done = bench("--json", str(file), *flags)
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {(row["workload"], row.get("part", "")): row for row in rows}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    done = bench("--json", str(folder / "bench.json"), "--chart", str(folder / "bench.svg"))
    assert done.returncode == 0, done.stderr
    (folder / "shown.txt").write_text(done.stdout, encoding="utf-8")
    return folder


def test_our_own_server_answers_every_workload_without_an_error(ours: Path) -> None:
    report = json.loads((ours / "bench.json").read_text(encoding="utf-8"))
    whole = {row["workload"]: row for row in report["rows"] if "part" not in row}
    assert list(whole) == ["import", "read", "newest", "search", "create", "mixed", "crud"]
    for row in report["rows"]:
        assert row["errors"] == 0, row
        assert row["requests"] > 0, row
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"], row
    assert whole["import"]["resources"] > whole["import"]["requests"]
    assert whole["import"]["bytes_per_resource"] > 0
    assert report["loaded"] > 0


def test_the_limits_are_measured_in_the_same_run(ours: Path) -> None:
    report = json.loads((ours / "bench.json").read_text(encoding="utf-8"))
    limits = report["limits"]
    assert all(limits[name] > 0 for name in ("loads_us", "decode_us", "extract_us", "create_us"))
    assert limits["commit_us"].keys() == {"1", "64", "1000"}
    echoes = [row["workload"] for row in report["rows"] if row.get("part") == "echo"]
    assert echoes == ["read", "newest"]


def test_the_search_mix_has_all_six_kinds(ours: Path) -> None:
    report = json.loads((ours / "bench.json").read_text(encoding="utf-8"))
    kinds = {row["part"] for row in report["rows"] if row["workload"] == "search" and "part" in row}
    assert kinds == {"string", "date", "reference", "token", "quantity", "composite"}


def test_the_table_and_the_chart_name_every_workload(ours: Path) -> None:
    shown = (ours / "shown.txt").read_text(encoding="utf-8")
    chart = ElementTree.fromstring((ours / "bench.svg").read_text(encoding="utf-8"))  # noqa: S314
    texts = {each.text for each in chart.iter() if each.tag.endswith("text")}
    for name in ("transactions", "read by id", "search, six kinds", "create", "nine types, CRUD"):
        assert name in shown
        assert name in texts


def test_any_server_is_measured_by_its_address(tmp_path: Path) -> None:
    with serving() as root:
        rows = measured(tmp_path, "--url", f"{root}/fhir", "--only", "search", "--only", "read")
    assert {workload for workload, _ in rows} == {"read", "search"}
    assert rows["read", ""]["errors"] == rows["search", ""]["errors"] == 0
    # Of a process that is not ours nothing is known but its answers.
    assert "cpu_us_per_request" not in rows["read", ""]


class Small(BaseHTTPRequestHandler):
    """A server that creates and reads a Patient, and nothing else; and demands a header."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/base/Patient":
            self._answer(201, location=f"http://{self.headers['host']}/base/Patient/7/_history/1")
        else:
            self._answer(501)

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/base/Patient/7" else 404)

    def _answer(self, status: int, **headers: str) -> None:
        if self.headers["x-key"] != "open":
            status, headers = 401, {}
        self.send_response(status)
        for name, value in {**headers, "content-length": "2"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test looks at the answers."""


@contextmanager
def small_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Small) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/base"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_lacks_much_is_measured_in_what_it_has(tmp_path: Path) -> None:
    with small_server() as base:
        flags = ("--url", base, "--header", "X-Key: open")
        rows = measured(tmp_path, *flags)
    assert rows["read", ""]["requests"] > 0
    assert rows["read", ""]["errors"] == 0
    assert rows["import", ""]["outcomes"] == {"501": 1}
    assert rows["create", ""]["outcomes"].keys() == {"501"}
    assert rows["create", ""]["requests"] == rows["search", ""]["requests"] == 0


def test_a_server_that_lets_nobody_in_is_named_with_its_answer() -> None:
    with small_server() as base:
        done = bench("--url", base)
    assert done.returncode == 1
    assert base in done.stderr
    assert "401" in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/fhir", "http://[::1", "nonsense"])
def test_an_address_where_nobody_answers_is_refused(url: str) -> None:
    done = bench("--url", url)
    assert done.returncode == 1
    assert url in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_workload_is_refused_with_those_that_exist() -> None:
    done = bench("--only", "reed")
    assert done.returncode == 1
    assert "reed" in done.stderr
    assert "read" in done.stderr


def test_a_folder_without_bundles_is_refused(tmp_path: Path) -> None:
    done = bench("--bundles", str(tmp_path))
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr


def test_a_header_without_a_name_is_refused() -> None:
    done = bench("--url", "http://127.0.0.1:9/fhir", "--header", "Bearer 1")
    assert done.returncode == 1
    assert "Bearer 1" in done.stderr
