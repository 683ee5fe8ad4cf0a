"""A search finds what its tree says, for every reader: the store's plan and the evaluation of one
resource after the other, two readings of the same tree, agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.kit.record import ENGINES, Engine, Record, Restricted, a_record, names, resource
from tests.properties.store.population import IDS, LINKED, POPULATION, linked
from tests.properties.store.questions import REGISTRY, TYPES, across, nodes, rules, sharp
from xinglin.fhir.resource import parse
from xinglin.fhir.search import tree
from xinglin.fhir.search.evaluate import Subject, holds
from xinglin.fhir.search.extraction import extract
from xinglin.fhir.search.parameters import Parameter
from xinglin.store.face import Reader, Transaction, Version

# Of few types at once, so that there is enough of each for a search to find some and not all.
FEW = st.lists(st.sampled_from(TYPES), min_size=2, max_size=3, unique=True)
EVERYONE = Restricted(lambda type: tree.Everything())


def changes(types: list[str]) -> st.SearchStrategy[list[Any]]:
    written = st.one_of(*(POPULATION[type] for type in types))
    gone = st.tuples(st.sampled_from(types), st.sampled_from(IDS))
    return st.lists(st.one_of(written, written, written, gone), min_size=6, max_size=24)


def questions(types: list[str]) -> st.SearchStrategy[list[tuple[str, tree.Node]]]:
    one = st.sampled_from(types).flatmap(lambda type: st.tuples(st.just(type), nodes(type, 2)))
    return st.lists(one, min_size=5, max_size=20)


@dataclass(frozen=True)
class Evaluated:
    """A record that asks each of its resources."""

    subjects: Mapping[tuple[str, str], Subject]
    reader: Reader

    def found(self, type: str, where: tree.Node) -> list[str]:
        return [f"{type}/{id}" for t, id in self.subjects if t == type and self.holds(t, id, where)]

    def holds(self, type: str, id: str, where: tree.Node) -> bool:
        subject = self.subjects.get((type, id))
        allowed = tree.And((where, self.reader.rule(type)))
        return subject is not None and holds(REGISTRY, allowed, subject, self)

    def referred(self, parameter: Parameter, type: str, id: str, where: tree.Node) -> bool:
        own = (parameter.kept.number, type, id)
        return parameter.only in (None, type) and any(
            own in subject.entries.references and self.holds(*name, where)
            for name, subject in self.subjects.items()
            if name[0] == parameter.resource
        )


def write(record: Record, steps: Iterable[Any]) -> None:
    """Three at a time, so that last updates differ and some do not."""
    waiting = list(steps)
    for start in range(0, len(waiting), 3):

        def work(transaction: Transaction, few: list[Any] = waiting[start : start + 3]) -> None:
            for step in few:
                if isinstance(step, dict):
                    transaction.put(resource(step), step["id"], "PUT")
                else:
                    transaction.delete(*step)

        record.commit(work)


def subjects(record: Record) -> dict[tuple[str, str], Subject]:
    """What is current, by the feed alone."""
    found: dict[tuple[str, str], Subject] = {}
    for version in record.feed(0, 10_000):
        if version.content is None:
            del found[version.type, version.id]
        else:
            found[version.type, version.id] = subject(version)
    return found


def subject(version: Version) -> Subject:
    assert version.content is not None
    entries = extract(REGISTRY, parse(version.content).value)
    return Subject(version.type, version.id, version.t // 1000, entries)


def compare(
    record: Record,
    current: Mapping[tuple[str, str], Subject],
    reader: Reader,
    asked_for: list[tuple[str, tree.Node]],
) -> None:
    evaluated = Evaluated(current, reader)
    for type, where in asked_for:
        note(f"{reader is EVERYONE} {type} {where}")
        query = tree.Query((type,), where, count=1000)
        hits = names(record.page(reader, query).hits)
        assert sorted(hits) == sorted(evaluated.found(type, where))
        only = tree.Query((type,), where, count=0, total="accurate")
        assert record.page(reader, only).total == len(hits)


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=60)
@given(asked=FEW.flatmap(lambda types: st.tuples(changes(types), questions(types))), rule=rules)
def test_a_search_finds_that_of_which_its_tree_holds(
    engine: Engine,
    asked: tuple[list[Any], list[tuple[str, tree.Node]]],
    rule: Mapping[str, tree.Node],
) -> None:
    steps, asked_for = asked
    with a_record(engine) as record:
        write(record, steps)
        current = subjects(record)
        for reader in (EVERYONE, Restricted(rule.__getitem__)):
            compare(record, current, reader, asked_for)


@pytest.mark.parametrize("engine", ENGINES[:1])
@pytest.mark.parametrize("type", TYPES)
@settings(max_examples=12)
@given(data=st.data())
def test_each_comparison_of_each_parameter(engine: Engine, type: str, data: st.DataObject) -> None:
    """Many of one type, and a hundred questions about single values."""
    population = data.draw(st.lists(POPULATION[type], min_size=6, max_size=12))
    many = [each | {"id": f"r{n}"} for n, each in enumerate(population)]
    asked_for = data.draw(st.lists(sharp(type), min_size=60, max_size=100))
    with a_record(engine) as record:
        write(record, many)
        compare(record, subjects(record), EVERYONE, [(type, each) for each in asked_for])


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=30)
@given(
    steps=linked(),
    hidden=st.fixed_dictionaries({type: st.sampled_from(IDS[:3]) for type in LINKED}),
    asked=st.lists(
        st.sampled_from(LINKED).flatmap(lambda type: st.tuples(st.just(type), across(type))),
        min_size=20,
        max_size=40,
    ),
)
def test_a_hop_leads_only_to_what_the_reader_may_see(
    engine: Engine,
    steps: list[Any],
    hidden: Mapping[str, str],
    asked: list[tuple[str, tree.Node]],
) -> None:
    reader = Restricted(lambda type: tree.Not(tree.Ids((hidden.get(type, "a"),))))
    with a_record(engine) as record:
        write(record, steps)
        compare(record, subjects(record), reader, asked)
