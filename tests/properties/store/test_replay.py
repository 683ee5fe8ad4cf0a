"""A history that is replayed, in whatever portions, leaves the record that its writing left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.record import ENGINES, Engine, Record, a_record, each_engine, resource
from tests.properties.store.population import IDS, deletions, resources
from tests.properties.store.test_store_model import compare
from xinglin.fhir.outcome import Refused
from xinglin.store.face import Transaction, Version
from xinglin.store.relational.work import Work

# Written and deleted again and again, so that much lies between the beginning and the end.
works = st.lists(st.lists(st.one_of(resources, deletions), max_size=5), min_size=1, max_size=12)
borders = st.lists(st.integers(1, 20), min_size=1, max_size=10)

TABLES = {
    "ver": "SELECT v.seq, t, v.rt, id_text(id), v.v, method, hash FROM ver v JOIN res USING (rid)",
    "res": "SELECT rt, id_text(id), seq, v, live, d, span, has FROM res WHERE seq IS NOT NULL",
    "past": "SELECT rt, id_text(id), past.v, past.seq FROM past JOIN res USING (rid)",
    "comp": "SELECT c.rt, id_text(c.id), r.rt, id_text(r.id) FROM comp"
    " JOIN res c ON c.rid = comp.c JOIN res r ON r.rid = comp.rid",
    "type": "SELECT name, live FROM type",
    "lane": "SELECT seq, t FROM lane",
}


def tables(transaction: Transaction) -> dict[str, list[Any]]:
    assert isinstance(transaction, Work)
    run = transaction.database.execute
    return {name: sorted(run(text), key=repr) for name, text in TABLES.items()}


def write(record: Record, steps: Sequence[Any]) -> None:
    def work(transaction: Transaction) -> None:
        for step in steps:
            if isinstance(step, dict):
                transaction.put(resource(step), step["id"], "PUT")
            else:
                transaction.delete(*step)

    record.commit(work)


def replay(record: Record, versions: Sequence[Version]) -> None:
    def work(transaction: Transaction) -> None:
        assert isinstance(transaction, Work)
        transaction.replay(versions)

    record.commit(work)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25)
@given(works=works, sizes=borders)
def test_a_history_replayed_in_any_portions_leaves_the_same_record(
    engine: Engine, works: list[list[Any]], sizes: list[int]
) -> None:
    with a_record(engine) as original, a_record(engine) as copy:
        copy.clock.now += 1_000_000_000
        for steps in works:
            write(original, steps)
        versions = list(original.feed(0, 1000))
        at = turn = 0
        while at < len(versions):
            size = sizes[turn % len(sizes)]
            replay(copy, versions[at : at + size])
            at, turn = at + size, turn + 1
        assert list(copy.feed(0, 1000)) == versions
        assert copy.commit(tables) == original.commit(tables)
        copy.commit(compare)
        for id in IDS:
            assert copy.versions(f"Patient/{id}") == original.versions(f"Patient/{id}")
        # And it goes on like any other.
        for record in (original, copy):
            write(record, [{"resourceType": "Patient", "id": "a", "gender": "other"}])
        assert copy.end() == original.end()
        assert copy.found("Patient?gender=other") == original.found("Patient?gender=other")


@each_engine
def test_only_the_next_versions_can_be_replayed(engine: Engine) -> None:
    du = {"resourceType": "Patient", "id": "du"}
    with a_record(engine) as original, a_record(engine) as copy:
        for gender in ("male", "female", "other"):
            write(original, [du | {"gender": gender}])
        first, second, third = original.feed(0, 10)
        wrong: list[list[Version]] = [
            [second],
            [first, third],
            [first, first],
            [first, msgspec.structs.replace(second, t=first.t - 1)],
            [first, msgspec.structs.replace(second, version=3)],
        ]
        for versions in wrong:
            with pytest.raises(Refused, match=r"store\.not-the-next-version"):
                replay(copy, versions)
            assert copy.end() == 0
            assert copy.found("Patient") == []
        replay(copy, [first])
        for versions in ([first], [third], [msgspec.structs.replace(second, version=3)]):
            with pytest.raises(Refused, match=r"store\.not-the-next-version"):
                replay(copy, versions)
        replay(copy, [second, third])
        assert list(copy.feed(0, 10)) == [first, second, third]
        assert copy.found("Patient?gender=other") == ["Patient/du"]
        assert copy.found("Patient?gender=male,female") == []
