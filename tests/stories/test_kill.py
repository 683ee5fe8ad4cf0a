"""A server that is killed (SIGKILL) while many write has kept whatever it answered for, and
nothing by halves. (What the disk had not written when the power goes is another matter: a killed
process leaves that to the system.)

Killed three times here. Fifty times:
`XINGLIN_KILLS=50 ./test -m heavy tests/stories/test_kill.py`
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.kit.crash import Notes, left, written_until_killed
from tests.kit.server import FHIR, running_server

KILLS = int(os.environ.get("XINGLIN_KILLS", "50"))


def test_killed_while_many_write_it_keeps_every_answer_and_no_half(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 3)


@pytest.mark.heavy
def test_killed_many_times_it_keeps_every_answer_and_no_half(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, KILLS)


def killed_again_and_again(folder: Path, times: int) -> None:
    """One folder, one server after the other; what was answered stays for all of them."""
    random = Random()  # noqa: S311  (another moment each time)
    kept: list[Notes] = []
    for number in range(times):
        answers = random.randint(30, 250)
        with running_server(folder) as (root, process):

            def kill(process_id: int = process.pid) -> None:
                threading.Event().wait(random.random() / 100)  # not always just after an answer
                os.kill(process_id, signal.SIGKILL)

            kept.append(written_until_killed(root, f"k{number}", answers, kill))
            process.wait(60)
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        _check(folder, kept[-1:], f"after kill {number + 1}")
    _check(folder, kept, f"after all {times} kills")


def _check(folder: Path, kept: list[Notes], when: str) -> None:
    with (
        running_server(folder) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=60) as fhir,
    ):
        after = left(fhir)
        faults = [fault for notes in kept for fault in after.faults(notes)]
    assert not faults, f"{when}, {len(faults)} faults:\n" + "\n".join(faults[:10])
    assert any(work.answered for notes in kept for work in notes.works)
