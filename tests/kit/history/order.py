"""Whether all answers fit into one order of the record, and that order into time: every write at
its own moment, every read at one at which all that it saw was so, and what was answered before
something else was asked at an earlier or the same moment.

That is strict serializability, decided exactly, because the feed says the order of the writes. It
holds read-your-writes, also by another server; no stale reads; no halves of transactions; no
spurious conflicts; and that a feed shows nothing behind a position already read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import combinations

from tests.kit.history.ledger import Ledger, Span, earliest
from tests.kit.history.notes import Absent, Asked, Fate, Seen, Version

_View = tuple[Seen, Sequence[Span]]


def faults(asked: Sequence[Asked], ledger: Ledger) -> Iterator[str]:
    """One sentence for each answer that fits nowhere. Those are then left out of the order."""
    open_: list[tuple[int, int, int]] = []  # end, number, moment
    latest, witness = 0, -1
    by_time = sorted(asked, key=lambda each: each.began)
    for number, each in enumerate(by_time):
        while open_ and open_[0][0] < each.began:
            _, before, moment = heapq.heappop(open_)
            if moment > latest:
                latest, witness = moment, before
        views = list(_views(each, ledger))
        if not views:
            continue
        moment_of_it = earliest([spans for _, spans in views], latest)
        if moment_of_it is None:
            yield _apart(each, views) or _late(each, views, latest, by_time[witness])
        elif each.fate is not Fate.DOUBTFUL:  # a doubtful one may come true at any time later
            heapq.heappush(open_, (each.ended, number, moment_of_it))
        if each.first and any(ledger.half(newest) for newest in each.listed[:1]):
            yield f"{each} begins with {each.listed[0]}, in the middle of a transaction"


def _views(asked: Asked, ledger: Ledger) -> Iterator[_View]:
    """All that an answer says about the moment it belongs to. What the record does not have at all
    is for others to complain about."""
    written = list(asked.listed[:1]) if asked.first else []
    for write, told in zip(asked.writes, asked.told or [None] * len(asked.writes), strict=True):
        if told is not None:
            written.append(told)
        elif asked.fate is Fate.DOUBTFUL:
            written.extend(ledger.marked(write.mark))
    for each in written:
        if moment := ledger.moment(each):
            yield each, [moment]
    for seen in asked.saw:
        if not isinstance(seen, Version) or ledger.kept(seen):
            yield seen, ledger.spans(seen)
    if asked.group is not None and asked.fate is Fate.DONE:
        for address in ledger.groups.get(asked.group, set()) - {each.address for each in asked.saw}:
            absent = Absent(address)
            yield absent, ledger.spans(absent)


def _apart(asked: Asked, views: Sequence[_View]) -> str | None:
    """Where what was seen does not fit together, whatever else was."""
    if earliest([spans for _, spans in views], 0) is not None:
        return None
    for (one, first), (other, second) in combinations(views, 2):
        if earliest([first, second], 0) is None:
            return f"{asked} saw {one} and {other}, which were never so at the same time"
    return f"{asked} saw {', '.join(str(seen) for seen, _ in views)}, which was never so"


def _late(asked: Asked, views: Sequence[_View], latest: int, witness: Asked) -> str:
    """What was seen had passed, or what was written came behind what others had seen."""
    old = next((seen for seen, spans in views if earliest([spans], latest) is None), views[0][0])
    newer = ", ".join(str(each) for each in (*witness.told, *witness.saw, *witness.listed[:1]))
    return f"{asked} gave {old}, older than what {witness} had been told before: {newer}"
