"""The whole way from clients to a verdict, for tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tests.kit.history.checker import check
from tests.kit.history.left import left
from tests.kit.history.notes import Fate, Notes
from tests.kit.history.run import run
from tests.kit.history.site import Site

_ENOUGH = 20  # sentences


def survive(site: Site, disturbances: Sequence[Callable[[], None]], answers: int = 150) -> None:
    """Prove that a record outlives these, while many write: about so many requests to write are
    answered from one disturbance to the next. A disturbance is `site.crash`, or what befalls a
    database; when it returns, all is to come back by itself."""
    acknowledgements = answers * len(disturbances)
    notes = run(site.roots, acknowledgements=acknowledgements, disturbances=disturbances)
    site.crash_all()  # so that what is left comes from the disk
    prove(notes, site.roots)


def prove(notes: Notes, servers: Sequence[str]) -> None:
    """That what these servers hold now is what was noted. With `pytest -s` it says of how much."""
    views = left(servers)
    faults = check(notes, views)
    assert not faults, f"{summary(notes)}: {len(faults)} faults:\n" + "\n".join(faults[:_ENOUGH])
    sys.stdout.write(f"{summary(notes)}; {len(views[0].feed)} versions in the record; no fault\n")


def summary(notes: Notes) -> str:
    fates = [each.fate for each in notes.asked if each.writes]
    reads = sum(not each.writes for each in notes.asked)
    counts = ", ".join(f"{fates.count(fate)} {fate.value}" for fate in Fate)
    return f"{len(fates)} requests to write ({counts}) and {reads} to read"
