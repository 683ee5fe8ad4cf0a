"""A record that is written, deleted, and opened again in any order agrees with a plain model of
it: every version, every history, every count; and its index holds the rows of what is current."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.record import (
    ENGINES,
    Clock,
    Engine,
    Json,
    Record,
    a_record,
    content,
    each_lasting_engine,
    resource,
)
from tests.properties.store.population import POPULATION, deletions, resources
from xinglin.fhir.resource import parse
from xinglin.store.face import UNRESTRICTED, Transaction
from xinglin.store.relational.rows import COLUMNS, index_rows
from xinglin.store.relational.work import Work

AGAIN = "opened again"
steps = st.lists(
    st.one_of(resources, resources, resources, deletions, st.just(AGAIN)), min_size=1, max_size=20
)
failures = st.sets(st.integers(0, 30), max_size=5)  # steps whose work fails after all


class GivenUpError(Exception):
    pass


def text(written: Json | None) -> tuple[bytes | None, bytes | None]:
    """What makes a version another: the text, in which the order of members counts."""
    if written is None:
        return None, None
    parsed = resource(written)
    return parsed.meta, parsed.body


class Model:
    """What a record is: by name, contents in the order of their writing; None for a deletion."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Json | None]] = {}
        self.feed: list[str] = []

    def write(self, name: str, written: Json | None) -> None:
        versions = self.versions.setdefault(name, [])
        if text(written) == text(versions[-1] if versions else None):
            return  # the same again, or nothing to delete
        versions.append(written)
        self.feed.append(f"{name}/{len(versions)}")

    def live(self) -> list[str]:
        return [name for name, versions in self.versions.items() if versions and versions[-1]]


def carry_out(record: Record, model: Model, step: Any, *, fail: bool) -> None:
    def work(transaction: Transaction) -> None:
        if isinstance(step, dict):
            transaction.put(resource(step), step["id"], "PUT")
        else:
            transaction.delete(*step)
        if fail:
            raise GivenUpError

    if fail:
        with pytest.raises(GivenUpError):
            record.commit(work)
        return
    record.commit(work)
    if isinstance(step, dict):
        model.write(f"{step['resourceType']}/{step['id']}", step)
    else:
        model.write("/".join(step), None)


def check(record: Record, model: Model) -> None:
    for name, versions in model.versions.items():
        for number, expected in enumerate(versions, 1):
            found = record.read(name, version=number)
            assert found is not None
            assert (found.content is None) == (expected is None)
            assert expected is None or content(found) == expected
        latest = record.read(name)
        assert (0 if latest is None else latest.version) == len(versions)
        own = [f"{name}/{n}" for n in range(len(versions), 0, -1)]
        assert record.versions(name) == own
    assert record.versions() == model.feed[::-1]
    feed = record.feed(0, 1000)
    assert [f"{each.type}/{each.id}/{each.version}" for each in feed] == model.feed
    assert [each.seq for each in feed] == list(range(1, len(feed) + 1))
    counts = Counter(name.partition("/")[0] for name in model.live())
    for type in POPULATION:
        assert record.search(f"{type}?_summary=count").total == counts[type]
        of_type = [each for each in model.feed[::-1] if each.startswith(f"{type}/")]
        assert record.versions(type) == of_type
    assert sorted(record.found("?_count=1000")) == sorted(model.live())


@each_lasting_engine
@settings(max_examples=20)
@given(steps=steps, failures=failures)
def test_any_history_agrees_with_the_model(
    engine: Engine, steps: list[Any], failures: set[int]
) -> None:
    model = Model()
    with engine() as open_here:
        clock = Clock()
        record = Record(open_here(clock), clock)
        try:
            for at, step in enumerate(steps):
                if step == AGAIN:
                    record.store.close()
                    record = Record(open_here(clock), clock)
                else:
                    carry_out(record, model, step, fail=at in failures)
            check(record, model)
        finally:
            record.store.close()


# The index of the embedded engine


def rows_in_the_tables(work: Work) -> dict[str, set[Any]]:
    run = work.database.execute
    found = {
        table: set(run(f"SELECT {', '.join(columns)} FROM {table}"))  # noqa: S608
        for table, columns in COLUMNS.items()
    }
    found["res"] = set(run("SELECT rid, d, span, has FROM res WHERE live = 1"))
    found["type"] = set(run("SELECT rt, live FROM type WHERE live <> 0"))
    return found


def rows_of_what_is_current(work: Work) -> dict[str, set[Any]]:
    """As if every current resource had just been written."""
    ledger = work._ledger
    found: dict[str, set[Any]] = {table: set() for table in (*COLUMNS, "res")}
    live: Counter[int] = Counter()
    everything: list[Any] = work.database.execute(
        "SELECT rid, rt, id_text(id) FROM res WHERE live = 1"
    ).fetchall()
    for rid, rt, id in everything:
        version = work.read(UNRESTRICTED, ledger.catalogue.type_name[rt], id)
        assert version is not None
        assert version.content is not None
        entries = ledger.extract(parse(version.content).value)
        rows = index_rows(entries, ledger.catalogue, ledger.numbering, rt, rid)
        for table in COLUMNS:
            found[table] |= set(getattr(rows, table))
        found["res"].add((rid, rows.d, rows.span, rows.has))
        live[rt] += 1
    assert not ledger.numbering._made, "a value of a current resource had no number"
    return found | {"type": set(live.items())}


def compare(transaction: Transaction) -> None:
    assert isinstance(transaction, Work)
    in_the_tables = rows_in_the_tables(transaction)
    assert in_the_tables == rows_of_what_is_current(transaction)


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=20)
@given(steps=steps, failures=failures)
def test_the_index_holds_the_rows_of_what_is_current_and_no_others(
    engine: Engine, steps: list[Any], failures: set[int]
) -> None:
    with a_record(engine) as record:
        for at, step in enumerate(steps):
            if step != AGAIN:
                carry_out(record, Model(), step, fail=at in failures)
        record.commit(compare)
