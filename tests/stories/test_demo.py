"""`xinglin demo` as somebody meets it who types it for the first time, and the page it names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from tests.kit.server import FHIR, running_server, serving

ROOT = Path(__file__).parents[2]
RESIDENTS = 12


def command(data: Path, *flags: str) -> list[str]:
    demo = [sys.executable, "-m", "xinglin.cli", "demo", "--data", str(data)]
    return [*demo, "--residents", str(RESIDENTS), *flags]


class Demo:
    """A demo that runs, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""

    def hear(self, wanted: str) -> re.Match[str]:
        """Listen until it says something like this."""
        assert self.process.stdout is not None
        while not (found := re.search(wanted, self.said)):
            line = self.process.stdout.readline()
            assert line, f"it never said {wanted!r}, but {self.said!r}"
            self.said += line
        return found

    def stop(self) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGINT)
        self.said += self.process.stdout.read()
        return self.process.wait(30)


@contextmanager
def demo(data: Path, *flags: str, locale: str = "en_GB.UTF-8") -> Iterator[Demo]:
    """The demo in a process of its own, on a free port."""
    process = subprocess.Popen(
        command(data, "--port", "0", *flags),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1"},
    )
    try:
        yield Demo(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def refused(data: Path, *flags: str) -> str:
    """What a demo says that does not start."""
    ended = subprocess.run(
        command(data, *flags), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def total(address: str) -> int:
    return int(httpx.get(address, params={"_summary": "count"}).json()["total"])


def test_a_first_start_fills_the_district_and_names_searches_that_find_something(
    tmp_path: Path,
) -> None:
    with demo(tmp_path, "--residents", "40") as running:
        running.hear("Ctrl-C")
        root = running.hear(r"http://[\d.:]+\d")[0]
        assert total(f"{root}/fhir/Patient") == 40
        searches = re.findall(r": ([\d,]+)\n  (http\S+)", running.said)
        assert len(searches) == 3
        for count, address in searches:
            found = httpx.get(address).json()["entry"]
            assert sum(each["search"]["mode"] == "match" for each in found) == int(count)
        places = ("http", str(tmp_path))  # are as long as they are
        lines = [each for each in running.said.splitlines() if not any(p in each for p in places)]
        assert all(len(line) <= 80 for line in lines)
        assert running.stop() == 0


def test_a_second_start_writes_nothing(tmp_path: Path) -> None:
    newest = []
    for _ in range(2):
        with demo(tmp_path) as running:
            running.hear("Ctrl-C")
            root = running.hear(r"http://[\d.:]+\d")[0]
            history = httpx.get(f"{root}/fhir/_history", params={"_count": 1}).json()
            newest.append(history["entry"][0]["resource"])
            assert running.stop() == 0
    assert newest[0] == newest[1]


def test_who_was_deleted_stays_away(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.hear("Ctrl-C")
        root = running.hear(r"http://[\d.:]+\d")[0]
        patients = httpx.get(f"{root}/fhir/Patient", params={"_count": 1}).json()["entry"]
        gone = f"Patient/{patients[0]['resource']['id']}"
        assert httpx.delete(f"{root}/fhir/{gone}").is_success
        assert running.stop() == 0
    with demo(tmp_path) as running:
        running.hear("Ctrl-C")
        root = running.hear(r"http://[\d.:]+\d")[0]
        assert httpx.get(f"{root}/fhir/{gone}").status_code == 410


def test_stopped_on_the_way_it_goes_on_with_the_next_start(tmp_path: Path) -> None:
    with demo(tmp_path, "--residents", "5000") as running:
        running.hear("arrive …\n")
        assert running.stop() == 0
        arrived = int(running.hear(r"(\d+) of 5,000")[1])
    wanted = arrived + 4
    with demo(tmp_path, "--residents", str(wanted)) as running:
        assert running.hear(r"(\d+) invented")[1] == "4"
        assert running.hear(r"(\d+) patients")[1] == str(wanted)


def test_another_seed_moves_in_beside_the_first(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        with demo(tmp_path, "--seed", seed) as running:
            running.hear("Ctrl-C")
            assert running.stop() == 0
    assert f"{2 * RESIDENTS} patients" in running.said


def test_it_speaks_chinese_in_a_chinese_terminal(tmp_path: Path) -> None:
    with demo(tmp_path, locale="zh_CN.UTF-8") as running:
        running.hear("按 Ctrl-C")
        assert f"{RESIDENTS} 位患者" in running.said


def test_a_demo_that_runs_already_is_named(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        root = running.hear(r"http://[\d.:]+\d")[0]
        assert root in refused(tmp_path)


def test_a_port_in_use_is_said_and_the_folder_let_go(tmp_path: Path) -> None:
    with serving() as other:
        port = other.rpartition(":")[2]
        assert port in refused(tmp_path, "--port", port)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(tmp_path / "file")


def test_invented_residents_are_never_put_among_others(tmp_path: Path) -> None:
    with running_server(tmp_path) as (root, _):
        wang = {"resourceType": "Patient", "id": "wang"}
        assert httpx.put(f"{root}/fhir/Patient/wang", json=wang).status_code == 201
    assert "xinglin serve" in refused(tmp_path)
    with running_server(tmp_path) as (root, _):
        assert total(f"{root}/fhir/Patient") == 1


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if tag == "a" and name == "href"]


@pytest.mark.parametrize("stored", [(), ("Patient", "Patient", "Observation")])
def test_every_link_of_the_landing_page_leads_somewhere(stored: tuple[str, ...]) -> None:
    needed = {"status": "final", "code": {"text": "Pulse"}}
    with serving() as root:
        for type in stored:
            resource = {"resourceType": type, **(needed if type == "Observation" else {})}
            assert httpx.post(f"{root}/fhir/{type}", json=resource, headers=FHIR).is_success
        links = _Links(httpx.get(f"{root}/").text).found
        assert len([link for link in links if link.startswith("/fhir/")]) > 5
        for link in links:
            if not link.startswith("https:"):
                answer = httpx.get(httpx.URL(f"{root}/").join(link))
                assert answer.status_code == 200, link


def test_the_landing_page_counts_what_is_there() -> None:
    with serving() as root:
        empty = httpx.get(f"{root}/").text
        for _ in range(2):
            httpx.post(f"{root}/fhir/Patient", json={"resourceType": "Patient"}, headers=FHIR)
        full = httpx.get(f"{root}/").text
    assert "xinglin demo" in empty
    assert "xinglin demo" not in full
    assert "<strong>2</strong> patients" in full


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "de", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=zh", "en", "zh-CN"),
        ("?lang=de", "zh-TW", "zh-CN"),
    ],
)
def test_the_landing_page_speaks_the_readers_language(
    query: str, accepted: str, language: str
) -> None:
    with serving() as root:
        page = httpx.get(f"{root}/{query}", headers={"accept-language": accepted})
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-language"] in language
    assert "$" not in page.text  # nothing of the template is left


def test_a_host_header_cannot_write_into_the_page() -> None:
    with serving() as root:
        page = httpx.get(f"{root}/", headers={"host": "a'><script>alert(1)</script>"})
    assert "<script" not in page.text


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_searches_of_the_readme_find_something(readme: str, tmp_path: Path) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    shown = re.findall(r"^curl .*?http://127\.0\.0\.1:8000(/fhir\S*?)'?$", text, re.MULTILINE)
    with demo(tmp_path, "--residents", "40") as running:
        running.hear("Ctrl-C")
        root = running.hear(r"http://[\d.:]+\d")[0]
        wang = httpx.get(f"{root}/fhir/Patient", params={"name": "王"}).json()["entry"]
        assert wang
        addresses = [path.replace("<id>", wang[0]["resource"]["id"]) for path in shown]
        assert len(addresses) >= 3
        for address in addresses:
            assert httpx.get(f"{root}{address}").json()["entry"], address
