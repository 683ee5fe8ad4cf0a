"""Proves, from what clients noted and from what is left, that a record kept its promises, or says
in plain sentences what it broke. Pure: it asks nobody.

In the manner of Jepsen's Elle, but told of FHIR: a record shows its own order of writes, so that
nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.kit.history import fates, order
from tests.kit.history.ledger import Ledger, place
from tests.kit.history.notes import Absent, Asked, Notes, Version, View, World


def check(notes: Notes, left: Sequence[View]) -> list[str]:
    """All faults; none if all is well. `left` is what each server shows when all is over."""
    ledger = Ledger(left[0].feed, notes.asked)
    return [
        *notes.faults,
        *_chains(ledger),
        *fates.faults(notes.asked, ledger),
        *_shown(notes.asked, ledger),
        *order.faults(notes.asked, ledger),
        *_tails(notes, ledger),
        *_sums(notes, ledger),
        *(fault for view in left for fault in _view(view, ledger)),
    ]


def _chains(ledger: Ledger) -> Iterator[str]:
    """Versions are numbered from 1 without gap, in the order of the feed, which is that of time."""
    if len(ledger.positions) < len(ledger.feed):
        yield "the feed shows a version more than once"
    for earlier, later in pairwise(ledger.feed):
        if later.when < earlier.when:
            yield f"{later} of {later.when} comes after {earlier} of {earlier.when}"
    for address, chain in ledger.chains.items():
        numbers = [each.number for each in chain]
        if numbers != list(range(1, len(chain) + 1)):
            yield f"{address} has the versions {numbers}"
    for each in ledger.feed:
        if missing := [address for address in each.refers if address not in ledger.chains]:
            yield f"{each} refers to {', '.join(missing)}, which is not there"


def _shown(asked: Sequence[Asked], ledger: Ledger) -> Iterator[str]:
    """Whatever anybody was shown is in the record, and in its history without gap."""
    for each in asked:
        for version in (*each.saw, *each.listed):
            if not isinstance(version, Version):
                continue
            kept = ledger.kept(version)
            if kept is None or not fates.agree(version, kept):
                yield f"{each} was shown {version} ({version.mark}), but the record has {kept}"
        at = [ledger.positions.get(place(version), -1) for version in each.listed]
        if any(later != earlier + 1 for later, earlier in pairwise(at)):
            yield f"{each} lists the places {at} of the feed, with gaps or out of order"


def _tails(notes: Notes, ledger: Ledger) -> Iterator[str]:
    """Who followed the feed saw all of it, in order, as far as he came."""
    for who, tail in notes.tails.items():
        for seen, kept in zip(tail, ledger.feed, strict=False):
            if not fates.agree(seen, kept):
                yield f"{who} followed the feed past {seen}, where the record has {kept}"
                break
        if len(tail) > len(ledger.feed):
            yield f"{who} followed the feed beyond its end to {tail[-1]}"


def _sums(notes: Notes, ledger: Ledger) -> Iterator[str]:
    world = notes.world
    for each in notes.asked:
        values = _values(each, world)
        if set(values) == set(world.accounts) and sum(values.values()) != world.total:
            yield f"{each} saw a sum of {sum(values.values())} instead of {world.total}: {values}"
    for counter in world.counters:
        for version in ledger.chains[counter]:
            if version.value != version.number - 1:
                yield f"{version} counts {version.value} instead of {version.number - 1}"
    last = [ledger.chains[each][-1].value or 0 for each in world.accounts if each in ledger.chains]
    if last and sum(last) != world.total:
        yield f"the sum of all accounts is {sum(last)} at the end, not {world.total}"


def _values(asked: Asked, world: World) -> dict[str, int]:
    found = (each for each in asked.saw if isinstance(each, Version))
    return {each.address: each.value or 0 for each in found if each.address in world.accounts}


def _view(view: View, ledger: Ledger) -> Iterator[str]:
    """Each server shows the same, however it is asked."""
    if list(view.feed) != list(ledger.feed):
        differs = [str(each) for each in view.feed if ledger.kept(each) != each]
        lacks = len(ledger.feed) - len(view.feed)
        yield f"{view.server} has another history: {lacks} fewer versions; it has {differs[:5]}"
    current = {address: chain[-1] for address, chain in ledger.chains.items()}
    alive = {address: last for address, last in current.items() if last.mark is not None}
    for address in sorted(alive.keys() | view.found.keys()):
        found, kept = view.found.get(address), alive.get(address)
        if found != kept:
            yield f"a search on {view.server} finds {found}, the record has {kept}"
    for address, last in current.items():
        read = view.read.get(address, Absent(address))
        expected = last if last.mark is not None else Absent(address, deleted=True)
        if read != expected:
            yield f"a read on {view.server} gives {read}, the record has {expected}"
