"""Work beside the requests, for as long as the server runs: subscriptions, exports.

A module of `operations/` with such work has a table `WORKERS` of coroutine functions that
take the house. This is their edge: one that fails is logged and starts again.
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
            asyncio.create_task(_keep_going(worker, house), name=worker.__name__)
            for module in modules("operations")
            for worker in getattr(module, "WORKERS", ())
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _keep_going(worker: Worker, house: House) -> None:
    waiting = False

    async def work() -> None:
        nonlocal waiting
        if waiting:
            log.info("worker goes on", worker=worker.__name__)
            waiting = False
        await worker(house)

    while True:
        try:
            # Of several servers on one record, one does this.
            await house.store.alone(worker.__name__, work)
            return
        except Exception as error:
            if not passing(error):
                log.exception("worker failed", worker=worker.__name__)
            elif not waiting:  # once, however long it takes
                log.warning("worker waits for the record", worker=worker.__name__)
                waiting = True
            await asyncio.sleep(_PAUSE)
