"""Clients of a record, all at once, through whatever happens to its servers meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from random import Random

from tests.kit.history.clients import KINDS, Client, Marks, Tail, beginning
from tests.kit.history.door import Door, UnansweredError
from tests.kit.history.notes import Notes, World

_PATIENCE = 120  # seconds without any acknowledgement


def run(
    servers: Sequence[str],
    *,
    clients: int = 6,
    acknowledgements: int = 300,
    seed: int = 0,
    disturbances: Sequence[Callable[[], None]] = (),
) -> Notes:
    """Let clients write and read until so many of their requests to write were acknowledged.

    `servers` are the root addresses (`http://127.0.0.1:8000`) of servers of one record, which is
    empty. Each disturbance is called once, in order, while the clients work; when it returns,
    somebody has to answer at its address again. Clients that get no answer go on.
    """
    random = Random(seed)  # noqa: S311  (no secrets)
    notes, stop = Notes(_world(clients)), threading.Event()
    moments = sorted(random.choices(range(acknowledgements), k=len(disturbances)))
    with ThreadPoolExecutor(clients + len(servers)) as threads:

        def begin(who: str, kinds: Sequence[type[Client]]) -> Future[None]:
            chance = Random(random.random())  # noqa: S311
            return threads.submit(_work, Door(who, servers, notes, chance, stop), kinds)

        _prepare(Door("beginning", servers, notes, random, stop))
        working = [begin(f"c{number}", KINDS) for number in range(1, clients + 1)]
        working += [begin(f"tail{number}", (Tail,)) for number in range(1, len(servers) + 1)]
        try:
            for moment, disturb in zip(moments, disturbances, strict=True):
                notes.wait(moment, _PATIENCE)
                disturb()
            if not notes.wait(acknowledgements, _PATIENCE):
                notes.fault(f"nothing is acknowledged any more, after {notes.acknowledged}")
        finally:
            stop.set()
        for each in working:
            each.result()
    return notes


def _world(clients: int) -> World:
    return World(
        counters=("Basic/counter-1", "Basic/counter-2"),
        accounts=tuple(f"Basic/account-{number}" for number in range(1, 6)),
        total=500,
        lives=tuple(f"Basic/life-{number}" for number in range(1, clients + 1)),
    )


def _prepare(door: Door) -> None:
    with closing(door):
        shown = door.transaction(beginning(door.notes.world, Marks(door.who)))
        assert shown.told, door.notes.faults


def _work(door: Door, kinds: Sequence[type[Client]]) -> None:
    mark = Marks(door.who)
    clients = [kind(door, door.notes.world, mark) for kind in kinds]
    with closing(door):
        while not door.stop.is_set():
            with suppress(UnansweredError):
                door.random.choice(clients).act()
