"""The history checker finds nothing in histories that are right, finds each defect that is put
into one, and is as exact as trying every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.kit.history.checker import check
from tests.kit.history.notes import Absent, Asked, Fate, Other, Version, View
from tests.properties.history_model import Clients, views

randoms = st.randoms(use_true_random=True)
Defect = Callable[["Past"], None]


class Past:
    """A right history, to be spoilt: what was noted, the feed that is left, or how it is shown."""

    def __init__(self, random: Random) -> None:
        clients = Clients(random)
        clients.work(300)
        self.random = random
        self.notes = clients.notes
        self.feed = clients.record.feed
        self.shown: Callable[[Sequence[Version]], list[View]] = views

    def faults(self) -> list[str]:
        return check(self.notes, self.shown(self.feed))

    def one(self, which: Callable[[Asked], object]) -> Asked:
        """Any of those that were asked."""
        found = [each for each in self.notes.asked if which(each)]
        assume(found)
        return self.random.choice(found)

    def told(self, asked: Asked, **other: object) -> None:
        """Let its answer have been another."""
        at = self.notes.asked.index(asked)
        self.notes.asked[at] = replace(asked, **other)  # type: ignore[arg-type]

    def kept(self, which: Callable[[Version], object]) -> Version:
        """Any version of the record."""
        found = [each for each in self.feed if which(each)]
        assume(found)
        return self.random.choice(found)

    def rewrite(self, version: Version, **other: object) -> None:
        at = self.feed.index(version)
        self.feed[at] = replace(version, **other)  # type: ignore[arg-type]

    def last_of_its_chain(self, version: Version) -> bool:
        return all(each.number <= version.number for each in self.chain(version))

    def chain(self, version: Version) -> list[Version]:
        return [each for each in self.feed if each.address == version.address]

    def writer(self, version: Version) -> Asked | None:
        """Who was told that this was written."""
        return next((each for each in self.notes.asked if version in each.told), None)


def lost_write(past: Past) -> None:
    past.feed.remove(past.kept(lambda v: past.last_of_its_chain(v) and v.mark and past.writer(v)))


def lost_deletion(past: Past) -> None:
    deleted = past.kept(lambda v: past.last_of_its_chain(v) and v.mark is None and past.writer(v))
    past.feed.remove(deleted)


def half_transaction(past: Past) -> None:
    asked = past.one(lambda a: len(a.writes) == 3)
    past.feed.remove(past.kept(lambda v: v.mark == asked.writes[0].mark))


def duplicate_create(past: Past) -> None:
    created = past.kept(lambda v: v.address.startswith("Basic/new"))
    past.feed.append(replace(created, address="Basic/again", when=past.feed[-1].when))


def refused_yet_written(past: Past) -> None:
    [write, *_] = past.one(lambda a: a.fate is Fate.REFUSED and a.writes).writes
    assert write.address is not None
    last = past.chain(Version(write.address, 0, None))[-1]
    past.feed.append(
        replace(last, number=last.number + 1, mark=write.mark, when=past.feed[-1].when)
    )


def two_winners(past: Past) -> None:
    [write] = past.one(lambda a: a.told == (None,) and a.writes[0].claim).writes
    created = Version("Basic/second", 1, write.mark, past.feed[-1].when, None, write.content)
    past.feed.append(created)


def loser_told_of_another(past: Past) -> None:
    asked = past.one(lambda a: a.told == (None,) and a.writes[0].claim)
    other = past.kept(lambda v: v.address.startswith("Basic/new") and v not in asked.saw)
    past.told(asked, saw=(other,))


def written_by_nobody(past: Past) -> None:
    past.feed.append(Version("Basic/foreign", 1, "?", past.feed[-1].when, None, "?"))


def deleted_by_nobody(past: Past) -> None:
    last = past.kept(lambda v: past.last_of_its_chain(v) and v.mark and "new" in v.address)
    past.feed.append(Version(last.address, last.number + 1, None, past.feed[-1].when))


def lost_update(past: Past) -> None:
    """A PUT was accepted though another had come between."""
    asked = past.one(lambda a: a.fate is Fate.DONE and a.writes and a.writes[0].base)
    [write, *others] = asked.writes
    assert write.base is not None
    past.told(asked, writes=(replace(write, base=write.base - 1), *others))


def version_gap(past: Past) -> None:
    last = past.kept(past.last_of_its_chain)
    past.rewrite(last, number=last.number + 1)


def other_content(past: Past) -> None:
    past.rewrite(past.kept(lambda v: v.mark), content="another")


def other_etag(past: Past) -> None:
    asked = past.one(lambda a: a.fate is Fate.DONE and len(a.writes) == 1 and a.told != (None,))
    [told] = asked.told
    assert told is not None
    assume(told.mark is not None)
    past.told(asked, told=(replace(told, number=told.number + 1),))


def clock_back(past: Past) -> None:
    past.rewrite(past.kept(lambda v: v.when > past.feed[0].when), when="000000")


def dangling_reference(past: Past) -> None:
    past.rewrite(past.kept(lambda v: v.mark), refers=("Patient/nobody",))


def scattered_transaction(past: Past) -> None:
    asked = past.one(lambda a: len(a.writes) == 3 and past.writer(past.feed[-1]) != a)
    version = past.kept(lambda v: v.mark == asked.writes[0].mark)
    past.feed.remove(version)
    past.feed.append(version)


def half_transaction_seen(past: Past) -> None:
    asked = past.one(lambda a: (a.group or "").startswith("group") and len(a.saw) == 3)
    past.told(asked, saw=asked.saw[1:])


def half_transaction_listed(past: Past) -> None:
    """The history began with the last but one of a transaction."""
    asked = past.one(
        lambda a: a.first and len(a.listed) > 1 and a.listed[0].when == a.listed[1].when
    )
    past.told(asked, listed=asked.listed[1:])


def other_sum(past: Past) -> None:
    asked = past.one(lambda a: a.group == "bank" and a.saw)
    [first, *others] = asked.saw
    assert isinstance(first, Version)
    past.told(asked, saw=(replace(first, value=99), *others))


def stale_read(past: Past) -> None:
    """A version was read although the next had been acknowledged before."""

    def could_be(asked: Asked) -> bool:
        return any(
            seen.number > 1 and (writer := past.writer(seen)) and writer.ended < asked.began
            for seen in _read(asked)
        )

    asked = past.one(could_be)
    [seen] = _read(asked)
    past.told(asked, saw=(past.chain(seen)[seen.number - 2],))


def gone_back(past: Past) -> None:
    """Nobody knew of a resource any more, after it had been read."""

    def could_be(asked: Asked) -> bool:
        readers = (other for other in past.notes.asked if other.ended < asked.began)
        return any(
            seen.address == before.address
            for seen in _read(asked)
            for other in readers
            for before in _read(other)
        )

    asked = past.one(could_be)
    past.told(asked, status=404, saw=(Absent(_read(asked)[0].address, deleted=False),))


def spurious_conflict(past: Past) -> None:
    """412 for the version that was current before, and still is."""

    def could_be(asked: Asked) -> bool:
        return any(
            past.last_of_its_chain(seen)
            and (writer := past.writer(seen))
            and writer.ended < asked.began
            for seen in _read(asked)
        )

    asked = past.one(could_be)
    [seen] = _read(asked)
    past.told(asked, status=412, saw=(Other(seen.address, seen.number),))


def behind_its_time(past: Past) -> None:
    """Two writes, one acknowledged before the other was asked for, lie the wrong way round."""
    alone = [v for v in past.feed if (w := past.writer(v)) and len(w.writes) == 1]
    pairs = [
        (one, other)
        for one, other in pairwise(alone)
        if one.address != other.address
        and (first := past.writer(one))
        and (second := past.writer(other))
        and first.ended < second.began
    ]
    assume(pairs)
    one, other = past.random.choice(pairs)
    at, then = past.feed.index(one), past.feed.index(other)
    past.feed[at], past.feed[then] = replace(other, when=one.when), replace(one, when=other.when)


def appeared_behind_the_tail(past: Past) -> None:
    [tail] = past.notes.tails.values()
    assume(len(tail) > 1)
    tail.pop(past.random.randrange(len(tail) - 1))


def history_with_a_gap(past: Past) -> None:
    asked = past.one(lambda a: len(a.listed) > 2)
    past.told(asked, listed=(asked.listed[0], *asked.listed[2:]))


def miscount(past: Past) -> None:
    counter = past.kept(lambda v: v.address in past.notes.world.counters)
    past.rewrite(counter, value=(counter.value or 0) + 1)


def _another_view(**other: object) -> Defect:
    def defect(past: Past) -> None:
        def shown(feed: Sequence[Version]) -> list[View]:
            [here, there] = views(feed)
            return [here, replace(there, **other)]  # type: ignore[arg-type]

        past.shown = shown

    return defect


DEFECTS: Sequence[tuple[Defect, str]] = (
    (lost_write, "but is lost"),
    (lost_deletion, "but is lost"),
    (half_transaction, "half a transaction"),
    (duplicate_create, "is there 2 times"),
    (refused_yet_written, "was refused, but is there"),
    (two_winners, "has several winners"),
    (loser_told_of_another, "but others were told"),
    (written_by_nobody, "but nobody wrote it"),
    (deleted_by_nobody, "a deletion that nobody asked for"),
    (lost_update, "a lost update"),
    (version_gap, "has the versions"),
    (other_content, "has another content"),
    (other_etag, "was acknowledged as"),
    (clock_back, "comes after"),
    (dangling_reference, "which is not there"),
    (scattered_transaction, "not side by side"),
    (half_transaction_seen, "never so at the same time"),
    (half_transaction_listed, "in the middle of a transaction"),
    (other_sum, "saw a sum of"),
    (stale_read, "older than"),
    (gone_back, "older than"),
    (spurious_conflict, "older than"),
    (behind_its_time, "older than"),
    (appeared_behind_the_tail, "followed the feed past"),
    (history_with_a_gap, "with gaps or out of order"),
    (miscount, "instead of"),
    (_another_view(feed=()), "has another history"),
    (_another_view(found={}), "a search on there finds None"),
    (_another_view(read={}), "a read on there gives no"),
)


@given(randoms)
def test_a_history_that_is_right_has_no_fault(random: Random) -> None:
    assert Past(random).faults() == []


@pytest.mark.parametrize(("defect", "sentence"), DEFECTS)
@settings(max_examples=20)
@given(random=randoms)
def test_each_defect_is_found_and_named(defect: Defect, sentence: str, random: Random) -> None:
    past = Past(random)
    defect(past)
    assert [fault for fault in past.faults() if sentence in fault]


def _read(asked: Asked) -> list[Version]:
    """What was read of a single resource."""
    alone = not (asked.writes or asked.group or asked.listed)
    return [seen for seen in asked.saw if alone and isinstance(seen, Version)]
