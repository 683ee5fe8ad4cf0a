"""The order of a search, and its pages: by the rules of `tree.Sort`; and whatever is written
between two pages, what did not change is shown exactly once, what changed at most once."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.kit.record import ENGINES, Engine, Record, a_record, names
from tests.properties.store.population import deletions, resources
from tests.properties.store.questions import REGISTRY, TYPES, nodes
from tests.properties.store.test_store_search import subjects, write
from xinglin.fhir.search import tree
from xinglin.fhir.search.evaluate import Subject
from xinglin.fhir.search.parameters import Parameter, clinical
from xinglin.fhir.search.strings import normalise
from xinglin.store.face import UNRESTRICTED, Version

Key = int | str | Decimal | None

changes = st.lists(st.one_of(resources, resources, resources, deletions), max_size=25)


def sortable(type: str) -> list[Parameter]:
    known = REGISTRY.by_type[type].values()
    return [p for p in known if p.kind not in ("composite", "special")]


def values(subject: Subject, parameter: Parameter) -> list[Any]:
    if parameter.union:
        return [value for each in parameter.union for value in values(subject, each)]
    held = subject.entries
    own = parameter.kept.number
    match parameter.kind:
        case "string":
            return [normalise(text) for n, text in held.strings if n == own]
        case "token":
            return [code for n, _, code in held.tokens if n == own]
        case "uri":
            return [uri for n, uri in held.uris if n == own]
        case "date":
            return [low for n, low, _ in held.dates if n == own]
        case "number":
            return [number for n, number in held.numbers if n == own]
        case "quantity":
            return [number for n, number, *_ in held.quantities if n == own]
    only = (None, parameter.only)
    named = [(t, i) for n, t, i in held.references if n == own]
    return [f"{t}/{i}" for t, i in named if parameter.only is None or t in only]


def key(subject: Subject, sort: tree.Sort) -> Key:
    if sort.parameter.code == "_id":
        return subject.id
    if sort.parameter.code == "_lastUpdated":
        return subject.last_updated
    found = values(subject, sort.parameter)
    if not found:
        return None
    best: Key = max(found) if sort.descending else min(found)
    return best


def before(first: Subject, second: Subject, sorts: tuple[tree.Sort, ...]) -> int:
    """-1, 0, 1: as `cmp` once did."""
    for sort in sorts:
        one, other = key(first, sort), key(second, sort)
        if one == other:
            continue
        if one is None or other is None:
            return 1 if one is None else -1
        less = one < other  # type: ignore[operator]  # both are of one kind
        return -1 if less != sort.descending else 1
    return 0


sorts = st.sampled_from(TYPES).flatmap(
    lambda type: st.tuples(
        st.just(type),
        st.lists(
            st.builds(tree.Sort, st.sampled_from(sortable(type)), st.booleans()),
            min_size=1,
            max_size=3,
            unique_by=lambda sort: sort.parameter,
        ).map(tuple),
    )
)


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=40)
@given(steps=changes, asked=st.lists(sorts, min_size=1, max_size=15))
def test_hits_come_in_the_order_asked_for(
    engine: Engine, steps: list[Any], asked: list[tuple[str, tuple[tree.Sort, ...]]]
) -> None:
    with a_record(engine) as record:
        write(record, steps)
        current = subjects(record)
        for type, keys in asked:
            note(f"{type} {keys}")
            query = tree.Query((type,), tree.Everything(), sort=keys, count=1000)
            hits = [current[h.type, h.id] for h in record.page(UNRESTRICTED, query).hits]
            assert len(hits) == sum(name[0] == type for name in current)
            assert all(before(one, other, keys) <= 0 for one, other in pairwise(hits))


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=30)
@given(steps=changes)
def test_without_a_wish_the_newest_come_first(engine: Engine, steps: list[Any]) -> None:
    with a_record(engine) as record:
        write(record, steps)
        current = subjects(record)
        for type in TYPES:
            query = tree.Query((type,), tree.Everything(), count=1000)
            hits = [current[h.type, h.id] for h in record.page(UNRESTRICTED, query).hits]
            dated = clinical(REGISTRY, type)
            newest = (tree.Sort(dated, descending=True),) if dated else ()
            assert all(before(one, other, newest) <= 0 for one, other in pairwise(hits))
        everything = tree.Query((), tree.Everything(), count=1000)
        every = record.page(UNRESTRICTED, everything).hits
        assert [each.seq for each in every] == sorted((each.seq for each in every), reverse=True)
        assert len(every) == len(current)


# Pages


def pages(record: Record, query: tree.Query, between: list[list[Any]]) -> tuple[list[Version], int]:
    """All hits page by page, while these are written; and how many pages there were."""
    seen: list[Version] = []
    cursor = None
    number = 0
    while True:
        page = record.page(UNRESTRICTED, query, cursor=cursor)
        assert len(page.hits) <= query.count
        seen += page.hits
        cursor = page.next
        if cursor is None:
            return seen, number
        assert len(page.hits) == query.count, "only the last page may be short"
        if number < len(between):
            write(record, between[number])
        number += 1


orders = st.one_of(
    st.sampled_from(TYPES).map(lambda type: ((type,), ())),
    st.sampled_from(TYPES).map(lambda type: ((type,), (last_updated(type),))),
    sorts.map(lambda each: ((each[0],), each[1])),
    st.just(((), ())),
    st.just((("Patient", "Observation", "List"), ())),
    st.booleans().map(lambda down: ((), (tree.Sort(REGISTRY.by_type["Patient"]["_id"], down),))),
)


def last_updated(type: str) -> tree.Sort:
    return tree.Sort(REGISTRY.by_type[type]["_lastUpdated"], descending=False)


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=60)
@given(
    steps=st.lists(resources, min_size=3, max_size=25),
    order=orders,
    count=st.integers(1, 4),
    between=st.lists(st.lists(st.one_of(resources, resources, deletions), max_size=3), max_size=6),
)
def test_pages_while_others_write(
    engine: Engine, steps: list[Any], order: Any, count: int, between: list[list[Any]]
) -> None:
    types, keys = order
    with a_record(engine) as record:
        write(record, steps)
        whole = tree.Query(types, tree.Everything(), sort=keys, count=1000)
        first = [(h.type, h.id, h.version) for h in record.page(UNRESTRICTED, whole).hits]
        end = record.end()
        paged = tree.Query(types, tree.Everything(), sort=keys, count=count)
        found, _ = pages(record, paged, between)
        seen = [(each.type, each.id) for each in found]
        assert len(seen) == len(set(seen)), "shown twice"
        changed = {(each.type, each.id) for each in record.feed(end, 1000)}
        kept = [name for *name, _ in first if tuple(name) not in changed]
        assert [list(name) for name in seen if name not in changed] == kept


@pytest.mark.parametrize("engine", ENGINES[:1])
@settings(max_examples=40)
@given(
    steps=st.lists(resources, min_size=5, max_size=25),
    asked=st.sampled_from(TYPES).flatmap(lambda type: st.tuples(st.just(type), nodes(type, 1))),
    order=st.booleans(),
    count=st.integers(1, 3),
)
def test_pages_of_a_filtered_search_are_the_search(
    engine: Engine, steps: list[Any], asked: tuple[str, tree.Node], order: bool, count: int
) -> None:
    type, where = asked
    dated = clinical(REGISTRY, type)
    keys = (tree.Sort(dated, descending=False),) if dated and order else ()
    with a_record(engine) as record:
        write(record, steps)
        whole = tree.Query((type,), where, sort=keys, count=1000)
        paged = tree.Query((type,), where, sort=keys, count=count)
        found, _ = pages(record, paged, [])
        assert names(found) == names(record.page(UNRESTRICTED, whole).hits)
