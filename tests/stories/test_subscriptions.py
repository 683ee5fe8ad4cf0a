"""Subscriptions: whoever asked is told of what is new, in order and whatever breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.server import client
from tests.stories.test_store_disk import no_space
from xinglin.server.operations import subscriptions
from xinglin.server.subscriptions import desk
from xinglin.server.subscriptions.delivery import Patience

Json = dict[str, Any]
_PATIENCE = 400  # looks


class Receiver:
    """Somebody else's server: keeps what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.answers: list[int] = []  # statuses to come; then 200
        receiver = self

        class Hook(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.got.append((self.command, self.path, body, headers))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            do_POST = do_PUT = answer  # noqa: N815  (the names of http.server)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests say what they saw themselves."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Patience(first=0.01, longest=0.05, attempts=4)
    monkeypatch.setattr(subscriptions.notify, "__defaults__", (quick,))


@pytest.fixture
def fhir(tmp_path: Path, impatient: None) -> Iterator[httpx.Client]:
    with client(tmp_path) as found:
        yield found


def until(holds: Callable[[], object]) -> None:
    for _ in range(_PATIENCE):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def test_a_full_disk_does_not_repeat_what_was_sent(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far it is cannot be noted then; that is made good, and nothing is sent again for it."""
    with client(tmp_path) as fhir:
        subscribed(fhir, receiver.url, "Patient?")
        monkeypatch.setattr(desk, "_KEEP", 1e9)
        for n in range(5):
            fhir.put(f"Patient/{n}", json={"resourceType": "Patient", "id": str(n)})
        until(lambda: len(receiver.got) == 5)
        with no_space(tmp_path):
            monkeypatch.setattr(desk, "_KEEP", 0.0)
            time.sleep(3)  # longer than a worker that failed waits before it begins again
            answer = fhir.put("Patient/x", json={"resourceType": "Patient", "id": "x"})
            assert answer.status_code == 503
            assert fhir.get("Patient/0").status_code == 200
        fhir.put("Patient/after", json={"resourceType": "Patient", "id": "after"})
        until(lambda: "/hook/Patient/after" in receiver.paths())
        assert receiver.paths() == [f"/hook/Patient/{id}" for id in (*range(5), "after")]
        until(lambda: fhir.get("Subscription/s").json()["status"] == "active")


def subscribe(fhir: httpx.Client, url: str, criteria: str, id: str = "s", **more: Any) -> None:
    channel = {"type": "rest-hook", "endpoint": url}
    if payload := more.pop("payload", "application/fhir+json"):
        channel["payload"] = payload
    channel |= more.pop("channel", {})
    resource = {
        "resourceType": "Subscription",
        "id": id,
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": channel,
    }
    answer = fhir.put(f"Subscription/{id}", json=resource | more)
    assert answer.is_success, answer.text


def status(fhir: httpx.Client, id: str = "s") -> str:
    found: str = fhir.get(f"Subscription/{id}").json()["status"]
    return found


def subscribed(fhir: httpx.Client, url: str, criteria: str, **more: Any) -> None:
    subscribe(fhir, url, criteria, **more)
    until(lambda: status(fhir, more.get("id", "s")) == "active")


def observe(fhir: httpx.Client, id: str, code: str = "pulse") -> None:
    resource = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": code}}
    answer = fhir.put(f"Observation/{id}", json=resource)
    assert answer.is_success


def test_what_matches_is_sent_whole(fhir: httpx.Client, receiver: Receiver) -> None:
    header = ["Authorization: Bearer abc"]
    subscribed(fhir, receiver.url, "Observation?status=final", channel={"header": header})
    fhir.put("Patient/p", json={"resourceType": "Patient", "id": "p"})
    observe(fhir, "o")
    until(lambda: receiver.got)
    [(method, path, body, headers)] = receiver.got
    assert (method, path) == ("PUT", "/hook/Observation/o")
    assert headers["authorization"] == "Bearer abc"
    assert headers["content-type"] == "application/fhir+json"
    assert body == fhir.get("Observation/o").content


def test_without_payload_there_is_only_a_sign(fhir: httpx.Client, receiver: Receiver) -> None:
    subscribed(fhir, receiver.url, "Observation?", payload="")
    observe(fhir, "o")
    until(lambda: receiver.got)
    [(method, path, body, _)] = receiver.got
    assert (method, path, body) == ("POST", "/hook", b"")


def test_in_order_and_only_what_is_asked_for(fhir: httpx.Client, receiver: Receiver) -> None:
    subscribed(fhir, receiver.url, "Observation?code:text=pulse")
    for number in range(30):
        observe(fhir, f"n{number}", "pulse" if number % 3 else "weight")
    observe(fhir, "last")
    until(lambda: receiver.paths()[-1:] == ["/hook/Observation/last"])
    wanted = [f"/hook/Observation/n{number}" for number in range(30) if number % 3]
    assert receiver.paths() == [*wanted, "/hook/Observation/last"]


def test_a_deletion_is_no_news(fhir: httpx.Client, receiver: Receiver) -> None:
    observe(fhir, "o")
    subscribed(fhir, receiver.url, "Observation?")
    fhir.delete("Observation/o")
    observe(fhir, "next")
    until(lambda: receiver.got)
    assert receiver.paths() == ["/hook/Observation/next"]


def test_criteria_reach_other_resources(fhir: httpx.Client, receiver: Receiver) -> None:
    for id, gender in (("a", "female"), ("b", "male")):
        fhir.put(f"Patient/{id}", json={"resourceType": "Patient", "id": id, "gender": gender})
    subscribed(fhir, receiver.url, "Condition?subject:Patient.gender=female")
    for id in ("b", "a"):
        condition = {
            "resourceType": "Condition",
            "id": id,
            "subject": {"reference": f"Patient/{id}"},
        }
        fhir.put(f"Condition/{id}", json=condition)
    until(lambda: receiver.got)
    assert receiver.paths() == ["/hook/Condition/a"]


def test_a_failed_notification_is_sent_again_before_the_next(
    fhir: httpx.Client, receiver: Receiver
) -> None:
    subscribed(fhir, receiver.url, "Observation?")
    receiver.answers = [500, 503]
    observe(fhir, "one")
    observe(fhir, "two")
    until(lambda: len(receiver.got) == 4)
    assert receiver.paths() == ["/hook/Observation/one"] * 3 + ["/hook/Observation/two"]
    assert status(fhir) == "active"


def test_a_receiver_that_never_answers_ends_in_a_visible_error(
    fhir: httpx.Client, receiver: Receiver
) -> None:
    subscribed(fhir, receiver.url, "Observation?")
    receiver.answers = [500] * 4
    observe(fhir, "o")
    until(lambda: status(fhir) == "error")
    assert "500" in fhir.get("Subscription/s").json()["error"]
    assert len(receiver.got) == 4
    observe(fhir, "unheard")
    subscribe(fhir, receiver.url, "Observation?")
    until(lambda: status(fhir) == "active")
    observe(fhir, "heard")
    until(lambda: len(receiver.got) == 5)
    assert receiver.paths()[-1] == "/hook/Observation/heard"
    assert "error" not in fhir.get("Subscription/s").json()


def test_one_that_cannot_be_reached_does_not_hold_up_others(
    fhir: httpx.Client, receiver: Receiver
) -> None:
    subscribed(fhir, "http://127.0.0.1:9/closed", "Observation?", id="dead")
    subscribed(fhir, receiver.url, "Observation?", id="alive")
    observe(fhir, "o")
    until(lambda: receiver.got)
    until(lambda: status(fhir, "dead") == "error")
    assert status(fhir, "alive") == "active"


def test_what_came_while_the_server_was_down_is_sent(
    tmp_path: Path, impatient: None, receiver: Receiver
) -> None:
    with client(tmp_path) as fhir:
        subscribed(fhir, receiver.url, "Observation?")
        observe(fhir, "before")
        until(lambda: receiver.got)
        receiver.answers = [500]
        observe(fhir, "during")
    with client(tmp_path) as fhir:
        observe(fhir, "after")
        until(lambda: "/hook/Observation/after" in receiver.paths())
    # At least once: one that was sent just before the end may come again, none is left out.
    news = list(dict.fromkeys(receiver.paths()))
    assert news == [f"/hook/Observation/{id}" for id in ("before", "during", "after")]


def test_a_subscription_to_subscriptions_does_not_hear_itself(
    fhir: httpx.Client, receiver: Receiver
) -> None:
    subscribed(fhir, receiver.url, "Subscription?")
    subscribed(fhir, receiver.url, "Observation?", id="other")
    observe(fhir, "o")
    until(lambda: "/hook/Observation/o" in receiver.paths())
    heard = [path for path in receiver.paths() if "Subscription" in path]
    assert set(heard) == {"/hook/Subscription/other"}
    assert status(fhir) == "active"
    assert fhir.get("Subscription/s").json()["meta"]["versionId"] == "2"


def test_it_ends_when_it_said_it_would(fhir: httpx.Client, receiver: Receiver) -> None:
    subscribe(fhir, receiver.url, "Observation?", end="2001-01-01T00:00:00Z")
    until(lambda: status(fhir) == "off")
    observe(fhir, "o")
    subscribed(fhir, receiver.url, "Observation?", id="witness")
    observe(fhir, "p")
    until(lambda: receiver.got)
    assert receiver.paths() == ["/hook/Observation/p"]


@pytest.mark.parametrize("how", ["off", "deleted"])
def test_one_that_is_turned_off_hears_no_more(
    fhir: httpx.Client, receiver: Receiver, how: str
) -> None:
    subscribed(fhir, receiver.url, "Observation?")
    if how == "off":
        document = fhir.get("Subscription/s").json()
        fhir.put("Subscription/s", content=json.dumps(document | {"status": "off"}))
    else:
        fhir.delete("Subscription/s")
    subscribed(fhir, f"{receiver.url}/2", "Observation?", id="witness")
    observe(fhir, "o")
    until(lambda: receiver.got)
    assert receiver.paths() == ["/hook/2/Observation/o"]


def test_changed_criteria_count_at_once(fhir: httpx.Client, receiver: Receiver) -> None:
    subscribed(fhir, receiver.url, "Observation?code:text=pulse")
    subscribed(fhir, receiver.url, "Observation?code:text=weight")
    observe(fhir, "p", "pulse")
    observe(fhir, "w", "weight")
    until(lambda: receiver.got)
    assert receiver.paths() == ["/hook/Observation/w"]


@pytest.mark.parametrize(
    ("criteria", "channel"),
    [
        ("Banana?", {}),
        ("Observation?nonsense=1", {}),
        ("Observation?date=soon", {}),
        ("Observation?", {"type": "email"}),
        ("Observation?", {"endpoint": "ftp://example.org"}),
        ("Observation?", {"endpoint": "nowhere"}),
        ("Observation?", {"payload": "text/plain"}),
        ("Observation?", {"header": ["no colon"]}),
        ("Observation?", {"header": ["Host: elsewhere"]}),
    ],
)
def test_what_cannot_be_served_says_why(
    fhir: httpx.Client, receiver: Receiver, criteria: str, channel: Json
) -> None:
    subscribe(fhir, receiver.url, criteria, channel=channel)
    until(lambda: status(fhir) == "error")
    assert fhir.get("Subscription/s").json()["error"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://example.invalid/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://0x7f000001/",
        "http://127.0.0.1@example.invalid/",
        "http://localhost.example.invalid/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.1\\@example.invalid/",
    ],
)
def test_nothing_is_sent_to_hosts_that_nobody_allowed(fhir: httpx.Client, endpoint: str) -> None:
    subscribe(fhir, endpoint, "Observation?")
    until(lambda: status(fhir) == "error")
    assert fhir.get("Subscription/s").json()["error"]


@pytest.mark.parametrize("hosts", [("Example.invalid",), ("elsewhere.invalid", "*")])
def test_the_operator_says_where_notifications_may_go(hosts: tuple[str, ...]) -> None:
    with client(subscription_hosts=hosts) as fhir:
        subscribed(fhir, "https://EXAMPLE.invalid:8443/hook", "Observation?")


def test_a_host_that_is_not_allowed_is_named(fhir: httpx.Client) -> None:
    subscribe(fhir, "https://example.invalid/hook", "Observation?")
    until(lambda: status(fhir) == "error")
    said = fhir.get("Subscription/s").json()["error"]
    assert "example.invalid" in said
    assert "subscription_hosts" in said
