"""The record as its history has it, and the moments at which something was as somebody saw it.

The feed is the order of all writes. Moment 0 is before the first; each write makes the next one,
all writes of one transaction together make one: between them there is no moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.kit.history.notes import Absent, Asked, Other, Seen, Version

FOREVER = 1 << 62
Place = tuple[str, int]  # address and number
Span = tuple[int, int]  # the first moment and the last


def place(version: Version) -> Place:
    return version.address, version.number


class Ledger:
    def __init__(self, feed: Sequence[Version], asked: Iterable[Asked]) -> None:
        self.feed = feed
        self.positions = {place(each): at for at, each in enumerate(feed)}
        self.chains: dict[str, list[Version]] = defaultdict(list)
        self.groups: dict[str, set[str]] = defaultdict(set)
        self._marked: dict[str, list[Version]] = defaultdict(list)
        for each in feed:
            self.chains[each.address].append(each)
            if each.mark is not None:
                self._marked[each.mark].append(each)
            if each.group is not None:
                self.groups[each.group].add(each.address)
        self._moments = list(_moments(feed, asked))
        self._spans = {address: self._spans_of(chain) for address, chain in self.chains.items()}

    def kept(self, shown: Version) -> Version | None:
        """What the record has in the place of a version that somebody was shown."""
        at = self.positions.get(place(shown))
        return None if at is None else self.feed[at]

    def marked(self, mark: str | None) -> Sequence[Version]:
        return self._marked.get(mark, ()) if mark is not None else ()

    def moment(self, version: Version) -> Span | None:
        """When it was written."""
        at = self.positions.get(place(version))
        return None if at is None else (self._moments[at], self._moments[at])

    def half(self, newest: Version) -> bool:
        """Whether a history that begins with this version begins within a transaction."""
        at = self.positions.get(place(newest), len(self.feed)) + 1
        return at < len(self.feed) and self._moments[at] == self._moments[at - 1]

    def spans(self, seen: Seen) -> Sequence[Span]:
        """When it was as it was seen, in order."""
        all_of = self._spans.get(seen.address, [])
        match seen:
            case Version():
                return [span for span, each in all_of if each.number == seen.number]
            case Other():
                current = [span for span, each in all_of if each.number == seen.number]
                return _outside(current[0]) if current else [(0, FOREVER)]
            case Absent():
                before = [(0, all_of[0][0][0] - 1 if all_of else FOREVER)]
                after = [span for span, each in all_of if each.mark is None]
                return [
                    *(before if seen.deleted is not True else ()),
                    *(after if seen.deleted is not False else ()),
                ]

    def _spans_of(self, chain: Sequence[Version]) -> list[tuple[Span, Version]]:
        starts = [self._moments[self.positions[place(each)]] for each in chain]
        ends = [start - 1 for start in starts[1:]] + [FOREVER]
        return list(zip(zip(starts, ends, strict=True), chain, strict=True))


def earliest(views: Sequence[Sequence[Span]], bound: int) -> int | None:
    """The first moment from `bound` on that lies in a span of each view."""
    moment, settled = bound, False
    while not settled:
        settled = True
        for spans in views:
            at = bisect_left(spans, moment, key=lambda span: span[1])
            if at == len(spans):
                return None
            if spans[at][0] > moment:
                moment, settled = spans[at][0], False
    return moment


def _outside(span: Span) -> list[Span]:
    start, end = span
    around = [(0, start - 1), (end + 1, FOREVER)]
    return [(first, last) for first, last in around if first <= last]


def _moments(feed: Sequence[Version], asked: Iterable[Asked]) -> Iterator[int]:
    together = {
        write.mark: number
        for number, each in enumerate(asked)
        if len(each.writes) > 1
        for write in each.writes
    }
    moment, last = 0, None
    for version in feed:
        transaction = together.get(version.mark)
        if transaction is None or transaction != last:
            moment += 1
        last = transaction
        yield moment
