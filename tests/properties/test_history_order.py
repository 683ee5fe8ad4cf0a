"""The history checker finds an order for all answers exactly where there is one: as often as trying
all orders does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.history import order
from tests.kit.history.ledger import Ledger
from tests.kit.history.notes import Absent, Asked, Other, Seen, Version, Write

FEED = [Version("a", 1, "m1"), Version("b", 1, "m2"), Version("a", 2, "m3"), Version("a", 3, None)]
SEEN: list[Seen] = [
    *FEED,
    *(Absent(address, deleted) for address in "abc" for deleted in (True, False, None)),
    *(Other("a", number) for number in (1, 2, 4)),
]


def _holds(seen: Seen, moment: int) -> bool:
    """Whether something was so after the first so many writes."""
    past = [each for each in FEED[:moment] if each.address == seen.address]
    number = past[-1].number if past else 0
    deleted = bool(past) and past[-1].mark is None
    match seen:
        case Version():
            return number == seen.number
        case Other():
            return number != seen.number
        case Absent():
            return (not past and seen.deleted is not True) or (
                deleted and seen.deleted is not False
            )


@st.composite
def answers(draw: st.DrawFn) -> Asked:
    began = draw(st.integers(0, 8))
    ended = began + draw(st.integers(0, 3))
    saw = tuple(draw(st.lists(st.sampled_from(SEEN), min_size=1, max_size=2)))
    return Asked("c", "here", "GET", began, ended, 200, saw=saw)


@st.composite
def acknowledgements(draw: st.DrawFn, version: Version) -> Asked:
    began = draw(st.integers(0, 8))
    ended = began + draw(st.integers(0, 5))
    write = Write(version.mark, version.address)
    return Asked("c", "here", "PUT", began, ended, 200, (write,), (version,))


def _fits(asked: Sequence[Asked]) -> bool:
    """Whether any moment for each answer fits all of them into time."""
    everything = range(len(FEED) + 1)
    possible = [
        [FEED.index(told) + 1 for told in each.told if told is not None]
        or [moment for moment in everything if all(_holds(seen, moment) for seen in each.saw)]
        for each in asked
    ]
    return any(
        all(
            one <= other
            for (before, one), (after, other) in product(zip(asked, moments, strict=True), repeat=2)
            if before.ended < after.began
        )
        for moments in product(*possible)
    )


@given(st.lists(answers(), max_size=4), st.tuples(*map(acknowledgements, FEED)), st.data())
def test_the_order_is_found_where_there_is_one(
    reads: list[Asked], writes: tuple[Asked, ...], data: st.DataObject
) -> None:
    written = data.draw(st.sets(st.sampled_from(writes), max_size=3)) if writes else set()
    asked = [*reads, *written]
    ledger = Ledger(FEED, asked)
    assert (not list(order.faults(asked, ledger))) == _fits(asked)
