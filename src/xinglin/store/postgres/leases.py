"""Work that one process does for all: an advisory lock, which ends with its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from xinglin.store.postgres.database import Postgres

LOOK = 1.0  # seconds between two looks: whether the lease is free, and whether it is still ours


async def alone(
    connect: Callable[[], Postgres], name: str, work: Callable[[], Awaitable[None]]
) -> None:
    """See `Store.alone`."""
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    database = await asyncio.to_thread(connect)
    try:
        while True:
            if await asyncio.to_thread(_taken, database, number):
                break
            await asyncio.sleep(LOOK)
        await _while_it_is_ours(database, work)
    finally:
        database.close()


def _taken(database: Postgres, number: int) -> bool:
    [(taken,)] = database.execute("SELECT pg_try_advisory_lock(?)", (number,))
    return bool(taken)


async def _while_it_is_ours(database: Postgres, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait((task,), timeout=LOOK)
            if not task.done():
                await asyncio.to_thread(database.execute, "SELECT 1")
        task.result()
    finally:
        task.cancel()
