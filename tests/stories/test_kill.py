"""A server that is killed (SIGKILL) while many write has kept whatever it answered for, and
nothing by halves. (What the disk had not written when the power goes is another matter: a killed
process leaves that to the system.)

Killed three times here. Fifty times:
`XINGLIN_KILLS=50 ./test -m heavy tests/stories/test_kill.py`
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kit.history.proof import prove
from tests.kit.history.run import run
from tests.kit.history.site import Site

KILLS = int(os.environ.get("XINGLIN_KILLS", "50"))
ANSWERS = 150  # to requests to write, between one kill and the next


def test_killed_while_many_write_it_keeps_every_answer_and_no_half(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, 3)


@pytest.mark.heavy
def test_killed_many_times_it_keeps_every_answer_and_no_half(tmp_path: Path) -> None:
    killed_again_and_again(tmp_path, KILLS)


def killed_again_and_again(folder: Path, times: int) -> None:
    with Site(folder) as site:
        disturbances = [site.crash] * times
        notes = run(site.roots, acknowledgements=ANSWERS * times, disturbances=disturbances)
        site.crash()  # so that what is left comes from the disk
        prove(notes, site.roots)
