"""A record as it should be, in memory, and clients of it whose requests overlap at random: what
they note is without fault, whatever the schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.kit.history.notes import Absent, Asked, Notes, Other, Seen, Version, View, World, Write

WORLD = World(
    counters=("Basic/counter",),
    accounts=("Basic/one", "Basic/two", "Basic/three"),
    total=30,
    lives=("Basic/life-1", "Basic/life-2"),
)
_BANK = "bank"
Draft = tuple[Write, Version]


@dataclass(frozen=True)
class Told:
    """What the record answers."""

    status: int = 200
    told: tuple[Version | None, ...] = ()
    saw: tuple[Seen, ...] = ()
    listed: tuple[Version, ...] = ()


@dataclass
class Record:
    """Versions in the order of their writes; everything happens at once."""

    feed: list[Version] = field(default_factory=list)
    claims: dict[str, str] = field(default_factory=dict)
    commits: int = 0

    def current(self, address: str) -> Version | None:
        return next((each for each in reversed(self.feed) if each.address == address), None)

    def see(self, address: str) -> Seen:
        last = self.current(address)
        return last if last and last.mark else Absent(address, deleted=last is not None)

    def write(self, *drafts: Draft) -> Told:
        """All or none."""
        for write, draft in drafts:
            last = self.current(draft.address)
            if write.base not in (None, last.number if last else 0):
                return Told(412, saw=(Other(draft.address, write.base or 0),))
        self.commits += 1
        return Told(201, tuple(self._written(draft) for _, draft in drafts))

    def _written(self, draft: Version) -> Version:
        last = self.current(draft.address)
        number = last.number + 1 if last else 1
        self.feed.append(replace(draft, number=number, when=f"{self.commits:06}"))
        return self.feed[-1]

    def delete(self, address: str) -> Told:
        if isinstance(absent := self.see(address), Absent):
            return Told(204, (None,), (Absent(absent.address),))
        self.commits += 1
        return Told(204, (self._written(Version(address, 0, None)),))

    def claim(self, write: Write, draft: Version) -> Told:
        assert write.claim is not None
        if write.claim in self.claims:
            return Told(200, (None,), (self.see(self.claims[write.claim]),))
        self.claims[write.claim] = draft.address
        return self.write((write, draft))

    def group(self, group: str) -> Told:
        addresses = {each.address for each in self.feed if each.group == group}
        found = (self.see(address) for address in sorted(addresses))
        return Told(saw=tuple(each for each in found if isinstance(each, Version)))

    def newer(self, than: int) -> Told:
        return Told(listed=tuple(reversed(self.feed[max(than - 1, 0) :])))


_Request = Generator[None, None, Told | None]


class Clients:
    """Each is a generator that stands still between two steps of a request."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.record = Record()
        self.notes = Notes(WORLD)
        self._time = 0
        self._marks = 0
        self._asking: set[str] = set()

    def work(self, steps: int) -> None:
        drafts = [self._draft(WORLD.counters[0], value=0)]
        drafts += [self._draft(each, value=10, group=_BANK) for each in WORLD.accounts]
        beginning = self._ask("beginning", "POST", lambda: self.record.write(*drafts), *drafts)
        for _ in beginning:
            pass
        clients = {f"c{number}": self._client(f"c{number}") for number in range(4)}
        clients["tail"] = self._tail("tail")
        for who in self.random.choices(list(clients), k=steps):
            next(clients[who])
        while self._asking:
            next(clients[min(self._asking)])

    def left(self) -> list[View]:
        return views(self.record.feed)

    def _client(self, who: str) -> Iterator[None]:
        acts = (self._live, self._delete, self._read, self._create, self._group, self._look)
        while True:
            yield from self.random.choice((*acts, self._count, self._move))(who)

    def _live(self, who: str) -> Iterator[None]:
        draft = self._draft(self.random.choice(WORLD.lives))
        yield from self._ask(who, "PUT", lambda: self.record.write(draft), draft)

    def _delete(self, who: str) -> Iterator[None]:
        address = self.random.choice(WORLD.lives)
        draft = Write(None, address), Version(address, 0, None)
        yield from self._ask(who, "DELETE", lambda: self.record.delete(address), draft)

    def _read(self, who: str) -> Iterator[None]:
        address = self.random.choice((*WORLD.lives, *WORLD.counters, *WORLD.accounts))
        yield from self._ask(who, "GET", lambda: Told(saw=(self.record.see(address),)))

    def _create(self, who: str) -> Iterator[None]:
        claim = f"claim-{self._marks // 20}" if self.random.random() < 0.7 else None
        write, version = self._draft(f"Basic/new-{self._marks}")
        draft = replace(write, address=None, claim=claim), version
        apply = self.record.claim if claim else lambda *both: self.record.write(both)
        yield from self._ask(who, "POST", lambda: apply(*draft), draft)

    def _group(self, who: str) -> Iterator[None]:
        group = f"group-{self._marks}"
        drafts = [self._draft(f"Basic/{group}-{each}", group=group) for each in range(3)]
        drafts[0] = drafts[0][0], replace(drafts[0][1], refers=(drafts[1][1].address,))
        yield from self._ask(who, "POST", lambda: self.record.write(*drafts), *drafts)

    def _look(self, who: str) -> Iterator[None]:
        groups = sorted({each.group for each in self.record.feed if each.group}) + [_BANK] * 2
        group = self.random.choice(groups[-6:])
        yield from self._ask(who, "GET", lambda: self.record.group(group), group=group)

    def _count(self, who: str) -> Iterator[None]:
        [address] = WORLD.counters
        seen = yield from self._ask(who, "GET", lambda: Told(saw=(self.record.see(address),)))
        if found := _versions(seen):
            [read] = found
            draft = self._draft(address, base=read.number, value=(read.value or 0) + 1)
            yield from self._ask(who, "PUT", lambda: self.record.write(draft), draft)

    def _move(self, who: str) -> Iterator[None]:
        seen = yield from self._ask(who, "GET", lambda: self.record.group(_BANK), group=_BANK)
        accounts = self.random.sample(_versions(seen), 2) if seen else []
        drafts = [
            self._draft(each.address, each.number, (each.value or 0) + amount, _BANK)
            for each, amount in zip(accounts, (-1, 1), strict=False)
        ]
        if drafts:
            yield from self._ask(who, "POST", lambda: self.record.write(*drafts), *drafts)

    def _tail(self, who: str) -> Iterator[None]:
        known = self.notes.tail(who)
        while True:
            told = yield from self._ask(
                who, "GET", lambda: self.record.newer(len(known)), first=True
            )
            if told:
                known.extend(each for each in reversed(told.listed) if each not in known)

    def _draft(
        self, address: str, base: int | None = None, value: int | None = None, group: str = ""
    ) -> Draft:
        self._marks += 1
        mark = f"m{self._marks}"
        content = f"content of {mark}"
        version = Version(address, 0, mark, "", value, content, group=group or None)
        return Write(mark, address, content, base), version

    def _ask(
        self,
        who: str,
        what: str,
        apply: Callable[[], Told],
        *drafts: Draft,
        group: str | None = None,
        first: bool = False,
    ) -> _Request:
        """One request in its steps. Without an answer it may be carried out at any later time."""
        asked = Asked(who, "here", what, self._tick(), 0, None, tuple(write for write, _ in drafts))
        self._asking.add(who)
        yield
        lost = who != "beginning" and self.random.random() < 0.1
        if lost:
            self.notes.note(replace(asked, ended=self._tick()))
            yield
            if self.random.random() < 0.5:
                apply()
            self._asking.remove(who)
            yield
            return None
        told = apply()
        yield
        answer = replace(asked, status=told.status, told=told.told, saw=told.saw)
        answer = replace(answer, listed=told.listed, group=group, first=first)
        self.notes.note(replace(answer, ended=self._tick()))
        self._asking.remove(who)
        yield
        return told

    def _tick(self) -> int:
        self._time += 1
        return self._time


def views(feed: Sequence[Version]) -> list[View]:
    """Two servers that show what is in the feed."""
    record = Record(list(feed))
    read: dict[str, Version | Absent] = {}
    for address in {each.address for each in feed}:
        seen = record.see(address)
        assert not isinstance(seen, Other)
        read[address] = seen
    found = {address: each for address, each in read.items() if isinstance(each, Version)}
    return [View(server, list(feed), found, read) for server in ("here", "there")]


def _versions(told: Told | None) -> Sequence[Version]:
    return [each for each in told.saw if isinstance(each, Version)] if told else []
