"""Kinds of client. Each does one small thing at a time, through a door of its own, and trusts
nothing it did not just read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

from tests.kit.history.contents import CLAIM, Json, basic, grouped, marked
from tests.kit.history.door import Door
from tests.kit.history.notes import Version, World

BANK = "bank"


class Marks:
    """Never gives the same mark twice; all kinds of client behind one door share it."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._who}-{next(self._numbers)}"


class Client(Protocol):
    def __init__(self, door: Door, world: World, mark: Marks) -> None: ...

    def act(self) -> None:
        """Raises UnansweredError where there is no answer; then it is asked to act again."""
        ...


class Lives:
    """Puts, deletes and reads what others put, delete and read as well."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door, self._world, self._mark = door, world, mark

    def act(self) -> None:
        random = self._door.random
        address = random.choice(self._world.lives)
        match random.choices(("put", "delete", "read"), (4, 2, 3))[0]:
            case "put":
                self._door.put(basic(self._mark(), id=address.split("/")[1]))
            case "delete":
                self._door.delete(address)
            case _:
                self._door.read(address)


class Creators:
    """Creates, now and then only if nobody else has: many try for the same at the same time."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door, self._mark = door, mark

    def act(self) -> None:
        mark = self._mark()
        if self._door.random.random() < 0.3:
            self._door.create(basic(mark))
            return
        claim = f"claim-{self._door.notes.acknowledged // 30}"  # for everybody the same just now
        if self._door.random.random() < 0.5:
            self._door.create(basic(mark) | marked(mark, claim), claim)
        else:
            self._door.transaction([_claiming(mark, claim), _putting(basic(self._mark(), id=mark))])


class Transactions:
    """Writes several resources that refer to one another, and looks for those of others."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door, self._mark = door, mark
        self._groups = door.notes.groups

    def act(self) -> None:
        group = self._mark()
        self._groups.append(group)
        patient = {"resourceType": "Patient"} | marked(self._mark()) | grouped(group)
        urn = "urn:uuid:0c2f9a52-55d1-4d6e-9c0f-8f4f0c5a7e11"
        entries = [
            *(_posting(self._observation(group, urn)) for _ in range(4)),
            _posting(patient) | {"fullUrl": urn},
            _putting(basic(self._mark(), id=f"given-{group}") | grouped(group)),
        ]
        try:
            self._door.transaction(entries)
        finally:
            self._door.search(self._door.random.choice(self._groups[-20:]))

    def _observation(self, group: str, urn: str) -> Json:
        observation = {"resourceType": "Observation", "status": "final", "code": {"text": group}}
        subject = {"subject": {"reference": urn}}
        return observation | subject | marked(self._mark()) | grouped(group)


class Bank:
    """Moves amounts between accounts; whoever looks always sees the same sum."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door, self._world, self._mark = door, world, mark

    def act(self) -> None:
        random = self._door.random
        accounts = {each.address: each for each in self._door.search(BANK).versions}
        if len(accounts) < len(self._world.accounts):
            return  # the checker will have something to say
        giver, taker = random.sample(sorted(accounts), 2)
        amount = random.randint(1, 20)
        self._door.transaction(
            [self._moved(accounts[giver], -amount), self._moved(accounts[taker], amount)]
        )

    def _moved(self, account: Version, amount: int) -> Json:
        entry = _putting(account_of(account.address, self._mark(), (account.value or 0) + amount))
        entry["request"]["ifMatch"] = f'W/"{account.number}"'
        return entry


class Counters:
    """Counts by reading and putting one more; who was overtaken begins again."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door, self._world, self._mark = door, world, mark

    def act(self) -> None:
        address = self._door.random.choice(self._world.counters)
        for read in self._door.read(address).versions:
            self._door.put(
                basic(self._mark(), id=address.split("/")[1], value=(read.value or 0) + 1),
                read.number,
            )


class Tail:
    """Follows the history of everything: asks for what is newer than the newest it knows."""

    def __init__(self, door: Door, world: World, mark: Marks) -> None:
        self._door = door
        self._known = door.notes.tail(door.who)

    def act(self) -> None:
        newer: list[Version] = []
        for page in self._pages():
            for each in page:
                if self._known and (each.address, each.number) == self._place():
                    self._known.extend(reversed(newer))
                    return
                newer.append(each)
        if self._known:
            last = self._known[-1]
            self._door.notes.fault(f"{self._door.who} no longer finds {last} in the history")
        else:
            self._known.extend(reversed(newer))

    def _place(self) -> tuple[str, int]:
        return self._known[-1].address, self._known[-1].number

    def _pages(self) -> Iterator[Sequence[Version]]:
        query = f"_history?_count={self._door.random.choice((3, 20, 100))}"
        if self._known:
            query += f"&_since={self._known[-1].when}"
        page = self._door.history(query, first=True)
        yield page.listed
        while page.next is not None:
            page = self._door.history(page.next.split("/fhir/")[1], first=False)
            yield page.listed


KINDS: tuple[type[Client], ...] = (Lives, Creators, Transactions, Bank, Counters)


def beginning(world: World, mark: Marks) -> list[Json]:
    """The entries of the transaction that makes what the clients share."""
    counters = [basic(mark(), id=each.split("/")[1], value=0) for each in world.counters]
    share = world.total // len(world.accounts)
    accounts = [account_of(each, mark(), share) for each in world.accounts]
    return [_putting(each) for each in (*counters, *accounts)]


def account_of(address: str, mark: str, value: int) -> Json:
    return basic(mark, id=address.split("/")[1], value=value) | grouped(BANK)


def _posting(content: Json) -> Json:
    return {"resource": content, "request": {"method": "POST", "url": content["resourceType"]}}


def _putting(content: Json) -> Json:
    url = f"{content['resourceType']}/{content['id']}"
    return {"resource": content, "request": {"method": "PUT", "url": url}}


def _claiming(mark: str, claim: str) -> Json:
    entry = _posting(basic(mark) | marked(mark, claim))
    entry["request"]["ifNoneExist"] = f"identifier={CLAIM}|{claim}"
    return entry
