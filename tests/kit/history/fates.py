"""What became of each write: acknowledged it is there exactly once, refused not at all, doubtful
at most once; and nothing is there that nobody wrote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.kit.history.ledger import Ledger, Place, place
from tests.kit.history.notes import Asked, Fate, Version, Write


def faults(asked: Sequence[Asked], ledger: Ledger) -> Iterator[str]:
    for each in asked:
        told = each.told or (None,) * len(each.writes)
        for write, became in zip(each.writes, told, strict=True):
            if write.mark is not None:
                yield from _fate(each, write, became, ledger)
        if len(each.writes) > 1:
            yield from _whole(each, ledger)
    yield from _deletions(asked, ledger)
    yield from _claims(asked, ledger)
    known = {write.mark for each in asked for write in each.writes}
    for version in ledger.feed:
        if version.mark not in known and version.mark is not None:
            yield f"{version} ({version.mark}) is there, but nobody wrote it"


def agree(shown: Version, kept: Version) -> bool:
    """Whether an answer, as far as it went, showed what the record has."""
    return (
        place(shown) == place(kept)
        and shown.mark in ("", kept.mark)
        and shown.when in ("", kept.when)
        and (shown.content is None or (shown.content, shown.value) == (kept.content, kept.value))
    )


def _fate(asked: Asked, write: Write, told: Version | None, ledger: Ledger) -> Iterator[str]:
    kept = ledger.marked(write.mark)
    there = ", ".join(map(str, kept))
    if len(kept) > 1:
        yield f"{asked}: {write.mark} is there {len(kept)} times: {there}"
    if kept and asked.fate is Fate.REFUSED:
        yield f"{asked}: {write.mark} was refused, but is there: {there}"
    if kept and asked.fate is Fate.DONE and told is None:
        yield f"{asked}: {write.mark} was not to be written, but is there: {there}"
    if told is not None and not kept:
        yield f"{asked}: {write.mark} was acknowledged as {told}, but is lost"
    for each in kept:
        yield from _as_asked(asked, write, told, each)


def _as_asked(asked: Asked, write: Write, told: Version | None, kept: Version) -> Iterator[str]:
    if told is not None and not agree(told, kept):
        yield f"{asked}: {write.mark} was acknowledged as {told}, but is {kept}, or is different"
    if write.address not in (None, kept.address):
        yield f"{asked}: {write.mark} was for {write.address}, but is {kept}"
    if write.content != kept.content:
        yield f"{asked}: {kept} has another content than was sent: {kept.content}"
    if write.base is not None and kept.number != write.base + 1:
        yield f"{asked}: a lost update: {kept} was to follow version {write.base} and no other"


def _whole(asked: Asked, ledger: Ledger) -> Iterator[str]:
    """All entries of a transaction or none, and side by side in the feed. One with a claim may
    have found what it was to create."""
    needed = [write for write in asked.writes if write.claim is None]
    missing = [str(write.mark) for write in needed if not ledger.marked(write.mark)]
    if missing and len(missing) < len(needed):
        yield f"{asked}: half a transaction: {', '.join(missing)} of {len(needed)} is not there"
    kept = [version for write in asked.writes for version in ledger.marked(write.mark)]
    at = sorted(ledger.positions[place(each)] for each in kept)
    if any(later != earlier + 1 for earlier, later in pairwise(at)):
        yield f"{asked}: its versions are not side by side in the feed: {at}"
    if len({each.when for each in kept}) > 1:
        yield f"{asked}: its versions were not written at the same time"


def _deletions(asked: Sequence[Asked], ledger: Ledger) -> Iterator[str]:
    """A deletion has no mark: those acknowledged are known by their number, the others counted."""
    unexplained = {place(each) for each in ledger.feed if each.mark is None}
    doubtful: Counter[str | None] = Counter()
    for each in asked:
        told = each.told or (None,) * len(each.writes)
        for write, became in zip(each.writes, told, strict=True):
            if write.mark is not None:
                continue
            if became is not None and place(became) not in unexplained:
                yield f"{each} was acknowledged as {became}, but is lost, or was another's"
            if became is not None:
                unexplained.discard(place(became))
            doubtful[write.address] += each.fate is Fate.DOUBTFUL
    for address, number in sorted(unexplained):
        doubtful[address] -= 1
        if doubtful[address] < 0:
            yield f"{address} version {number} is a deletion that nobody asked for"


def _claims(asked: Sequence[Asked], ledger: Ledger) -> Iterator[str]:
    """Of those who create only if nothing is there, one at most wins, and all others are told."""
    winners: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, set[Place]] = defaultdict(set)
    for each in asked:
        for write in each.writes:
            if write.claim is None:
                continue
            winners[write.claim] |= {kept.address for kept in ledger.marked(write.mark)}
            if each.fate is Fate.REFUSED:
                yield f"{each}: {write.claim} was refused, as if there were several"
            shown[write.claim] |= {place(found) for found in each.saw if isinstance(found, Version)}
    for claim, addresses in winners.items():
        if len(addresses) > 1:
            yield f"{claim} has several winners: {', '.join(sorted(addresses))}"
        told = {address for address, _ in shown[claim]}
        if told - addresses:
            yield f"{claim} belongs to {sorted(addresses)}, but others were told {sorted(told)}"
