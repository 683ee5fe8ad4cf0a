"""Who follows what clients are told is not taken in: each way in which a server, or something
before it, breaks its promises shows in the histories of its clients. An answer that only gets lost
breaks none.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.kit.history.checker import check
from tests.kit.history.left import left
from tests.kit.history.liar import Call, Lie, lying
from tests.kit.history.notes import Fate
from tests.kit.history.run import run
from tests.kit.server import serving


def told(lie: Lie) -> tuple[list[str], int]:
    """What the checker says, and how many requests to write were left in doubt."""
    with serving() as root:
        with lying(root, lie) as liar:
            notes = run([liar], acknowledgements=150)
        faults = check(notes, left([root]))
    return faults, sum(bool(each.writes) and each.fate is Fate.DOUBTFUL for each in notes.asked)


def repeats_creates(call: Call) -> httpx.Response:
    """As proxies do that try again."""
    if call.method == "POST":
        call.send()
    return call.send()


def without(name: str) -> Lie:
    def drops_a_header(call: Call) -> httpx.Response:
        call.headers.pop(name, None)
        return call.send()

    return drops_a_header


def from_memory() -> Lie:
    """As caches do that do not ask whether anything is new."""
    answers: dict[str, httpx.Response] = {}

    def remembers(call: Call) -> httpx.Response:
        if call.method != "GET":
            return call.send()
        if call.path not in answers:
            answers[call.path] = call.send()
        return answers[call.path]

    return remembers


def in_pieces(call: Call) -> httpx.Response:
    """A transaction is carried out as a batch: each entry for itself."""
    call.body = call.body.replace(b'"transaction"', b'"batch"')
    return call.send()


def says_too_early(call: Call) -> httpx.Response:
    """Acknowledged, and then not done: the deletion of what is there."""
    if call.method != "DELETE":
        return call.send()
    call.method = "GET"
    read = call.send()
    call.method = "DELETE"
    if read.status_code != 200:
        return call.send()
    number = int(read.json()["meta"]["versionId"]) + 1
    return httpx.Response(204, headers={"etag": f'W/"{number}"'})


def busy(call: Call) -> httpx.Response:
    return httpx.Response(503, content=b"later")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: repeats_creates, "is there 2 times"),
        (lambda: without("if-match"), "a lost update"),
        (lambda: without("if-none-exist"), "has several winners"),
        (from_memory, "older than"),
        (lambda: in_pieces, "which is not there"),
        (lambda: says_too_early, "but is lost"),
        (lambda: busy, "503 without Retry-After"),
    ],
)
def test_a_broken_promise_shows(make: Callable[[], Lie], sentence: str) -> None:
    faults, _ = told(make())
    assert [fault for fault in faults if sentence in fault], faults[:5]


def test_answers_that_are_lost_break_no_promise() -> None:
    def breaks_off(call: Call) -> None:
        if len(call.body) % 2:  # or else before it ever reached the server
            call.send()

    faults, doubtful = told(breaks_off)
    assert not faults, faults[:5]
    assert doubtful
