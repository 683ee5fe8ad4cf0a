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

from tests.kit.history.proof import survive
from tests.kit.history.site import Site

KILLS = int(os.environ.get("XINGLIN_KILLS", "50"))


@pytest.mark.parametrize("kills", [3, pytest.param(KILLS, marks=pytest.mark.heavy)])
def test_killed_while_many_write_it_keeps_every_answer_and_no_half(
    kills: int, tmp_path: Path
) -> None:
    with Site(tmp_path) as site:
        survive(site, [site.crash] * kills)
