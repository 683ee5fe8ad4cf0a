"""Reads the feed and gives each version to the Subscriptions that want it
(FHIR R4, Subscription: status requested → active → error or off).

Where each Subscription stands is kept in the record, so that a restart goes on there; what was
sent shortly before may then be sent twice, but nothing is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import httpx
import structlog

from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.resource import parse
from xinglin.fhir.search.tree import Everything, Query
from xinglin.fhir.wording import sentence
from xinglin.server.house import House
from xinglin.server.refusal import passing
from xinglin.server.subscriptions.channel import Channel, channel, read
from xinglin.server.subscriptions.delivery import Delivery, GaveUp, Patience
from xinglin.store.face import UNRESTRICTED, Transaction, Version

_LOOK: Final = 0.1  # seconds between two looks at the end of the feed
_PAGE: Final = 500
_KEEP: Final = 1.0  # seconds between two notes of where each stands

log = structlog.get_logger()


@dataclass(slots=True)
class _Active:
    version: int  # of the Subscription, as last seen
    delivery: Delivery
    task: asyncio.Task[None]
    begins: int  # where in the feed
    kept: int  # where it stands, as far as that is on disk


class Desk:
    def __init__(self, house: House, client: httpx.AsyncClient, patience: Patience) -> None:
        self._house = house
        self._client = client
        self._patience = patience
        self._active: dict[str, _Active] = {}
        self._position = 0
        self._kept_at = 0.0

    async def run(self) -> None:
        try:
            await self._begin()
            while True:
                read_on = await self._read_on()
                self._check()
                await self._keep()
                await self._expire()
                if not read_on:
                    await asyncio.sleep(_LOOK)
        finally:
            for active in self._active.values():
                active.task.cancel()

    async def _begin(self) -> None:
        """Take up every Subscription where it stands."""
        self._position = await self._house.store.end()
        query, cursor = Query(("Subscription",), Everything(), count=_PAGE), None
        while True:
            page = await self._house.store.search(UNRESTRICTED, query, cursor=cursor)
            for version in page.hits:
                await self._take(version)
            if page.next is None:
                break
            cursor = page.next
        starts = [active.begins for active in self._active.values()]
        self._position = min([self._position, *starts])

    async def _read_on(self) -> bool:
        if not self._active and not await self._news():
            return False
        versions = await self._house.store.feed(self._position, _PAGE)
        for version in versions:
            if version.type == "Subscription":
                await self._take(version)
            await self._offer(version)
            self._position = version.seq
        return bool(versions)

    async def _news(self) -> bool:
        """Whether a Subscription was written. While there is none to serve, reading all that
        is written would only slow the writing down."""
        end = await self._house.store.end()
        newest = (await self._house.store.history(UNRESTRICTED, "Subscription", count=1)).versions
        if newest and newest[0].seq > self._position:
            return True
        self._position = end
        return False

    async def _offer(self, version: Version) -> None:
        if version.content is None:
            return
        for id, active in list(self._active.items()):
            wanted = active.delivery.channel
            own = (version.type, version.id) == ("Subscription", id)
            if wanted.type != version.type or version.seq <= active.begins or own:
                continue
            if await self._house.store.which(UNRESTRICTED, wanted.where, (version,)):
                active.delivery.add(version)

    async def _take(self, version: Version) -> None:
        """A Subscription as it is now, or was at this place of the feed."""
        active = self._active.get(version.id)
        current = await self._house.store.read(UNRESTRICTED, "Subscription", version.id)
        if current is None or current.version != version.version:
            return  # its newest version comes later in the feed
        subscription = read(version.content) if version.content else None
        if subscription is None or subscription.status not in ("requested", "active"):
            self._drop(version.id)
            return
        try:
            wanted = channel(
                subscription,
                self._house.registry,
                hosts=self._house.settings.subscription_hosts,
                base=self._house.settings.base_url or "",
                now_ms=self._house.clock() // 1000,
            )
        except Refused as refused:
            self._drop(version.id)
            await self._mark(version, "error", sentence(refused.issues[0], "en"))
            return
        if active is not None and active.delivery.channel == wanted:
            active.version = version.version
            return
        self._drop(version.id)
        await self._activate(version, subscription.status, wanted)

    async def _activate(self, version: Version, status: str, wanted: Channel) -> None:
        name = _name(version.id)
        begins = await self._house.store.cursor(name)
        number = version.version
        if status == "requested" or begins == 0:
            begins = version.seq
            marked = await self._mark(version, "active", None)
            if marked is None:
                return
            number = marked.version
        delivery = Delivery(self._house.store, self._client, wanted, self._patience)
        task = asyncio.create_task(self._deliver(version.id, delivery), name=name)
        self._active[version.id] = _Active(number, delivery, task, begins, begins)

    async def _deliver(self, id: str, delivery: Delivery) -> None:
        try:
            await delivery.run()
        except GaveUp as gave_up:
            log.warning("subscription gave up", subscription=id, reason=gave_up.reason)
            given: dict[str, str | int] = {"reason": gave_up.reason}
            issue = Issue("transient", "server.subscription-gave-up", given=given)
            current = await self._house.store.read(UNRESTRICTED, "Subscription", id)
            active = self._active.pop(id, None)
            if current is not None and active is not None and current.version == active.version:
                await self._mark(current, "error", sentence(issue, "en"))

    def _check(self) -> None:
        """A delivery ends by giving up, or else all of us begin again: the record was not there."""
        for active in self._active.values():
            if active.task.done():
                active.task.result()

    def _drop(self, id: str) -> None:
        active = self._active.pop(id, None)
        if active is not None:
            active.task.cancel()

    async def _mark(self, version: Version, status: str, error: str | None) -> Version | None:
        """Write what became of a Subscription, unless somebody changed it meanwhile."""

        def work(transaction: Transaction) -> Version | None:
            current = transaction.read(UNRESTRICTED, version.type, version.id)
            if current is None or current.content is None or current.version != version.version:
                return None
            document = parse_exact(current.content) | {"status": status}
            document.pop("error", None)
            if error is not None:
                document["error"] = error
            transaction.advance(_name(version.id), version.seq)
            return transaction.put(parse(dump_exact(document)), version.id, "PUT")[0]

        return await self._house.store.commit(work)

    async def _keep(self) -> None:
        """Note where each stands, all in one commit."""
        now = asyncio.get_running_loop().time()
        if now - self._kept_at < _KEEP:
            return
        self._kept_at = now
        moved: dict[str, int] = {}
        for id, active in self._active.items():
            reached = max(active.delivery.reached(self._position), active.begins)
            if reached != active.kept:
                moved[id] = reached

        def work(transaction: Transaction) -> None:
            for id, reached in moved.items():
                transaction.advance(_name(id), reached)

        if not moved:
            return
        try:
            await self._house.store.commit(work)
        except Refused as refused:
            if not passing(refused):
                raise
            # Whoever began again from what was noted last would send everything since then once
            # more, and again, for as long as the record cannot keep anything.
            log.warning("where subscriptions stand is not noted", why=refused.issues[0].key)
            return
        for id in moved.keys() & self._active.keys():  # one may have given up meanwhile
            self._active[id].kept = moved[id]

    async def _expire(self) -> None:
        """Turn those off whose end has come."""
        now_ms = self._house.clock() // 1000
        for id, active in list(self._active.items()):
            end = active.delivery.channel.end
            if end is not None and end < now_ms:
                self._drop(id)
                current = await self._house.store.read(UNRESTRICTED, "Subscription", id)
                if current is not None and current.version == active.version:
                    await self._mark(current, "off", None)


def _name(id: str) -> str:
    return f"subscription/{id}"
