"""Others who write to the PostgreSQL database may take long: as long as the database answers, a
write waits for its turn, and is refused only when that never seems to come.

How long that is, is set to a moment here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.kit.postgres import a_database
from tests.kit.record import Clock
from xinglin.fhir.outcome import Refused
from xinglin.fhir.resource import parse
from xinglin.store.face import UNRESTRICTED, Store, Transaction
from xinglin.store.places import open_store
from xinglin.store.postgres import watch
from xinglin.store.postgres.lane import PostgresLane

MOMENT = 0.2  # seconds


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(watch, "EVERY", MOMENT / 10)
    monkeypatch.setattr(PostgresLane, "patience", MOMENT)
    with a_database() as url:
        yield url


class Other:
    """Another server that writes."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)

    def take_the_lane(self) -> None:
        self.connection.execute("SELECT seq FROM xinglin.lane FOR UPDATE")

    def close(self) -> None:
        self.connection.close()


def write(store: Store, id: str) -> asyncio.Task[None]:
    resource = parse(b'{"resourceType": "Patient", "id": "%b"}' % id.encode())

    def work(transaction: Transaction) -> None:
        transaction.put(resource, id, "PUT")

    return asyncio.create_task(store.commit(work))


async def there(store: Store, id: str) -> bool:
    return await store.read(UNRESTRICTED, "Patient", id) is not None


def test_a_write_waits_while_another_server_writes(url: str) -> None:
    async def story(store: Store, other: Other) -> None:
        await write(store, "before")
        other.take_the_lane()
        one = write(store, "one")
        await asyncio.sleep(5 * MOMENT)  # more than anybody waits for a database that is away
        two = write(store, "two")
        await asyncio.sleep(MOMENT)
        assert not one.done()
        assert not two.done()
        other.connection.rollback()
        await one
        await two
        assert await there(store, "one")
        assert await there(store, "two")

    with closing(open_store(url, clock=Clock())) as store, closing(Other(url)) as other:
        asyncio.run(story(store, other))


def test_who_waits_for_too_long_is_told_that_nothing_was_kept(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresLane, "turn", 2 * MOMENT)

    async def refused(store: Store, id: str) -> None:
        with pytest.raises(Refused) as told:
            await asyncio.wait_for(write(store, id), 60)
        [issue] = told.value.issues
        assert (issue.code, issue.key) == ("transient", "store.busy")

    async def story(store: Store, other: Other) -> None:
        await write(store, "before")
        other.take_the_lane()
        await asyncio.gather(refused(store, "one"), refused(store, "two"))
        await refused(store, "later")  # at once
        assert await there(store, "before")
        other.connection.rollback()
        while True:
            try:
                await write(store, "after")
            except Refused:
                await asyncio.sleep(MOMENT / 10)
            else:
                break
        assert await there(store, "after")
        for id in ("one", "two", "later"):
            assert not await there(store, id)

    with closing(open_store(url, clock=Clock())) as store, closing(Other(url)) as other:
        asyncio.run(story(store, other))
