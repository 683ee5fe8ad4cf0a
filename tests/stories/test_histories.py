"""What many clients at once are told of a record fits what it holds, and one order of it all."""

from __future__ import annotations

from tests.kit.history.notes import Fate, Notes
from tests.kit.history.proof import prove
from tests.kit.history.run import run
from tests.kit.server import serving


def test_what_six_clients_at_once_are_told_fits_one_order_of_everything() -> None:
    with serving() as root:
        notes = run([root], clients=6, acknowledgements=400)
        prove(notes, [root])
    assert not [str(each) for each in notes.asked if each.fate is Fate.DOUBTFUL]
    everything_was_tried(notes)


def everything_was_tried(notes: Notes) -> None:
    """A quiet history proves little: overtaken counters, claims that others won, lives deleted,
    transactions read by others and a feed followed have to be in it."""
    told = {(each.what.split("?")[0].split("/")[0], each.status) for each in notes.asked}
    for seen in (
        *(("PUT Basic", 200), ("PUT Basic", 201), ("PUT Basic", 412), ("DELETE Basic", 204)),
        *(("GET Basic", 200), ("GET Basic", 410), ("POST Basic", 201), ("POST Basic", 200)),
        *(("POST transaction", 200), ("POST transaction", 412), ("GET ", 200)),
    ):
        assert seen in told, f"{seen} is not among {sorted(told, key=str)}"
    assert all(notes.tails.values())
