"""The worker that serves Subscriptions, for as long as the server runs."""

from __future__ import annotations

import httpx

from xinglin.server.declare import Worker
from xinglin.server.house import House
from xinglin.server.subscriptions.delivery import Patience
from xinglin.server.subscriptions.desk import Desk

_TIMEOUT = 30.0  # seconds that a receiver has to answer


async def notify(house: House, patience: Patience = Patience()) -> None:  # noqa: B008  (immutable)
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
        await Desk(house, client, patience).run()


WORKERS = (Worker(notify),)
