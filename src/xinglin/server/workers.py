"""Work beside the requests, for as long as the server runs: subscriptions, exports.

A module of `operations/` with such work has a table `WORKERS`. This is their edge: one that
fails is logged and starts again.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from xinglin.server.declare import Worker
from xinglin.server.house import House
from xinglin.server.refusal import passing
from xinglin.server.routes import modules

_PAUSE: Final = 1.0  # seconds before a worker that failed starts again

log = structlog.get_logger()


class Workers:
    def __init__(self, house: House) -> None:
        self._tasks = [
            asyncio.create_task(_keep_going(worker, house), name=worker.work.__name__)
            for module in modules("operations")
            for worker in getattr(module, "WORKERS", ())
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _keep_going(worker: Worker, house: House) -> None:
    name = worker.work.__name__
    waiting = False

    async def work() -> None:
        nonlocal waiting
        if waiting:
            log.info("worker goes on", worker=name)
            waiting = False
        await worker.work(house)

    while True:
        try:
            await house.store.alone(f"{name} {worker.on(house)}", work)
            return
        except Exception as error:
            if not passing(error):
                log.exception("worker failed", worker=name)
            elif not waiting:  # once, however long it takes
                log.warning("worker waits for the record", worker=name)
                waiting = True
            await asyncio.sleep(_PAUSE)
