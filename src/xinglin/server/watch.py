"""The watch over open connections: one look at each of them in every round, for all clocks that
a connection would else need.

Time is counted in rounds. While the server is held up there are none, so no client is blamed
for what it was the server that missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol, cast

from xinglin.server.settings import Settings

_LOOKS: Final = 4  # in the shortest time that is waited for anything
_ROUND: Final = 1.0  # seconds at most


class Watched(Protocol):
    def look(self, now: float) -> None: ...


class Watch:
    def __init__(self, connections: Collection[Any], settings: Settings) -> None:
        self._connections = cast(Iterable[Watched], connections)
        self._every = min(_ROUND, settings.request_timeout / _LOOKS, settings.keep_alive / _LOOKS)
        self._now = 0.0

    def begin(self) -> None:
        """Go round for as long as the event loop runs."""
        asyncio.get_running_loop().call_later(self._every, self._go_round)

    def _go_round(self) -> None:
        self.begin()
        self._now += self._every
        for connection in tuple(self._connections):
            connection.look(self._now)
