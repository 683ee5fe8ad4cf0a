"""Work that one process does for all: an advisory lock, which ends with its connection.

The database ends the connection of a process that hangs, or of a machine that is gone
(`connecting.py`): then another takes its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

from xinglin.store.postgres.access import Access
from xinglin.store.postgres.database import Postgres

LOOK = 1.0  # seconds between two looks: whether the lease is free, and whether it is still ours


async def alone(access: Access, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """See `Store.alone`."""
    lease = _Lease(access, name)
    # Whoever is cancelled leaves a question under way, so this thread closes the connection, too.
    thread = ThreadPoolExecutor(1, thread_name_prefix="lease")
    run = asyncio.get_running_loop().run_in_executor
    try:
        while True:
            if await run(thread, lease.taken):
                break
            await asyncio.sleep(LOOK)
        await _while_it_is_ours(lambda: run(thread, lease.look), work)
    finally:
        thread.submit(lease.close)
        thread.shutdown(wait=False)


class _Lease:
    """Every method in one and the same thread."""

    def __init__(self, access: Access, name: str) -> None:
        digest = blake2b(name.encode(), digest_size=8).digest()
        self._number = int.from_bytes(digest, "big", signed=True)
        self._access = access
        self._database: Postgres | None = None

    def taken(self) -> bool:
        if self._database is None:
            self._database = self._access.open("lease")
        [(taken,)] = self._database.execute("SELECT pg_try_advisory_lock(?)", (self._number,))
        return bool(taken)

    def look(self) -> None:
        """Raises: Unreachable when it may be another's."""
        assert self._database is not None
        self._database.execute("SELECT 1")

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


async def _while_it_is_ours(
    look: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[None]]
) -> None:
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait((task,), timeout=LOOK)
            if not task.done():
                await look()
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # it has ended when another begins
