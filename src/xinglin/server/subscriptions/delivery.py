"""Sends notifications of one Subscription, in the order of the feed and each at least once
(FHIR R4, Subscription, channel rest-hook).

A notification that fails is sent again after a while, longer each time, and those behind it
wait. After the last attempt the delivery gives up: somebody has to look at it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx
import structlog

from xinglin.server.subscriptions.channel import Channel
from xinglin.store.face import UNRESTRICTED, Store, Version

_GONE: Final = 410  # the receiver says that it will never be there again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """Pauses double from the first to the longest; each is stretched or cut by up to half, so
    that a receiver that comes back is not met by all its senders at once."""

    first: float = 1.0  # s
    longest: float = 300.0  # s
    attempts: int = 12

    def pause(self, attempt: int) -> float:
        pause = min(self.first * 2.0**attempt, self.longest)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311  (no secret)


class _Event(NamedTuple):
    seq: int
    type: str
    id: str
    version: int


class GaveUp(Exception):  # noqa: N818
    """The receiver could not be reached, or did not take the notification. `reason` is what
    happened last."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Delivery:
    def __init__(
        self, store: Store, client: httpx.AsyncClient, channel: Channel, patience: Patience
    ) -> None:
        self.channel = channel
        self._store = store
        self._client = client
        self._patience = patience
        self._waiting: deque[_Event] = deque()
        self._arrived = asyncio.Event()

    def add(self, version: Version) -> None:
        self._waiting.append(_Event(version.seq, version.type, version.id, version.version))
        self._arrived.set()

    def reached(self, position: int) -> int:
        """Up to where in the feed everything was delivered, if it was read up to `position`."""
        return self._waiting[0].seq - 1 if self._waiting else position

    async def run(self) -> None:
        """Raises: GaveUp. Otherwise it goes on until it is cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._delivered(self._waiting[0])
                self._waiting.popleft()

    async def _delivered(self, event: _Event) -> None:
        reason = ""
        for attempt in range(self._patience.attempts):
            try:
                response = await self._sent(event)
                if response.is_success:
                    return
                reason = f"HTTP {response.status_code}"
                if response.status_code == _GONE:
                    break
            except httpx.HTTPError as error:
                reason = type(error).__name__
            log.info("notification failed", attempt=attempt, reason=reason, seq=event.seq)
            if attempt + 1 < self._patience.attempts:
                await asyncio.sleep(self._patience.pause(attempt))
        raise GaveUp(reason)

    async def _sent(self, event: _Event) -> httpx.Response:
        """Without a payload a bare POST; with one, the endpoint is a FHIR base to update."""
        channel = self.channel
        if not channel.payload:
            return await self._client.post(channel.endpoint, headers=channel.headers)
        version = await self._store.read(UNRESTRICTED, event.type, event.id, version=event.version)
        return await self._client.put(
            f"{channel.endpoint}/{event.type}/{event.id}",
            content=(version and version.content) or b"",
            headers=[*channel.headers, ("content-type", channel.payload)],
        )
