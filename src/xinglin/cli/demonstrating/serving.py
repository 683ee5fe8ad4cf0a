"""The server of the demo: it listens at once, and residents arrive while it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import orjson

from xinglin.cli.demonstrating.screen import Found, Screen
from xinglin.cli.demonstrating.settling import Population, settle
from xinglin.server.app import App
from xinglin.server.contents import counts
from xinglin.server.examples import EXAMPLES, Example
from xinglin.server.house import House
from xinglin.server.http import Request
from xinglin.server.opening import announce
from xinglin.server.running import Server, root
from xinglin.store.face import UNRESTRICTED

SHOWN = 3  # examples on the screen


class DemoServer(Server):
    """Stopped while residents arrive, it ends when those under way are in the record."""

    def __init__(
        self,
        house: House,
        listener: socket.socket,
        population: Population,
        newcomers: Sequence[int],
        screen: Screen,
    ) -> None:
        super().__init__(App(house), house.settings, listener, self._listening)
        self._house = house
        self._address = root(listener)
        self._population = population
        self._newcomers = newcomers
        self._screen = screen
        self._filling: asyncio.Task[None]

    def _listening(self) -> None:
        announce(self._house, self._address)
        self._filling = asyncio.create_task(self._fill())
        self._filling.add_done_callback(self._filled)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await self._filling
        finally:
            await super().shutdown(sockets)

    async def _fill(self) -> None:
        self._screen.opens(self._address, self._house.settings.data)
        arriving = settle(self._house, self._population, self._newcomers, lambda: self.should_exit)
        if not await self._screen.counts(len(self._newcomers), arriving):
            return
        held = await counts(self._house, UNRESTRICTED)
        self._screen.ready(held.get("Patient", 0), sum(held.values()))
        self._screen.suggests(self._address, await self._findings())

    async def _findings(self) -> list[Found]:
        """The first examples that find something in this district."""
        found = [Found(example, await self._total(example)) for example in EXAMPLES]
        return [each for each in found if each.total][:SHOWN]

    async def _total(self, example: Example) -> int:
        query = f"{example.query}&_summary=count"
        request = Request("GET", (example.type,), raw_query=query)
        answer = await self._house.answer(self._house, request)
        return int(orjson.loads(answer.body)["total"]) if isinstance(answer.body, bytes) else 0

    def _filled(self, filling: asyncio.Task[None]) -> None:
        if filling.cancelled() or filling.exception() is not None:
            self.should_exit = True
