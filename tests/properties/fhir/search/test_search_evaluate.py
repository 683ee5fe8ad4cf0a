"""A tree applied to one resource means what `tree.py` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.search.compare import number_holds, range_holds
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.evaluate import Subject, holds
from xinglin.fhir.search.parameters import Parameter, standard
from xinglin.fhir.search.strings import normalise
from xinglin.fhir.search.tree import (
    And,
    Chain,
    Compartment,
    Composite,
    Date,
    Everything,
    Has,
    Ids,
    InList,
    LastUpdated,
    Leaf,
    Missing,
    Node,
    Not,
    Nothing,
    Number,
    Or,
    Prefix,
    Quantity,
    Reference,
    String,
    Token,
    Uri,
)

REGISTRY = standard()
UCUM = "http://unitsofmeasure.org"


def p(name: str) -> Parameter:
    resource, code = name.split(".")
    return REGISTRY.by_type[resource][code]


CODE, SUBJECT, PATIENT = p("Observation.code"), p("Observation.subject"), p("Observation.patient")
DATE, TEXT = p("Observation.date"), p("Observation.value-string")
QUANTITY, PROBABILITY = p("Observation.value-quantity"), p("RiskAssessment.probability")


@dataclass
class Record:
    """Other resources: which hold, and which refer to which."""

    holding: set[tuple[str, str]] = field(default_factory=set)
    referring: set[tuple[str, str, str]] = field(default_factory=set)

    def holds(self, type: str, id: str, where: Node) -> bool:
        return (type, id) in self.holding

    def referred(self, parameter: Parameter, type: str, id: str, where: Node) -> bool:
        return (parameter.name, type, id) in self.referring


def held(
    node: Node, *, record: Record | None = None, type: str = "Observation", **lists: Any
) -> bool:
    entries = Entries(**lists)
    subject = Subject(type, "o1", 5_000, entries)
    return holds(REGISTRY, node, subject, record or Record())


# Leaves


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (None, "a", True),
        ("s", "a", True),
        ("s", None, True),
        ("", "b", True),
        ("", "a", False),
        ("t", "a", False),
        (None, "A", False),
        ("t", None, False),
    ],
)
def test_tokens(system: str | None, code: str | None, expected: bool) -> None:
    tokens = [(CODE.number, "s", "a"), (CODE.number, "", "b")]
    assert held(Token(CODE, system, code), tokens=tokens) is expected


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("starts", "mul", True),
        ("starts", "ller", False),
        ("contains", "LLER", True),
        ("exact", "Müller", True),
        ("exact", "Muller", False),
    ],
)
def test_strings(mode: Any, text: str, expected: bool) -> None:
    assert held(String(TEXT, mode, text), strings=[(TEXT.number, "Müller")]) is expected


@pytest.mark.parametrize(
    ("mode", "uri", "expected"),
    [
        ("exact", "http://a/b", True),
        ("exact", "http://a", False),
        ("below", "http://a", True),
        ("below", "http://a/b", True),
        ("below", "http://a/b/c", False),
        ("below", "http://a/", False),
        ("above", "http://a/b/c", True),
        ("above", "http://a/bc", False),
        ("above", "http://a", False),
    ],
)
def test_uris(mode: Any, uri: str, expected: bool) -> None:
    assert held(Uri(SUBJECT, mode, uri), uris=[(SUBJECT.number, "http://a/b")]) is expected


def test_references_are_found_under_the_parameter_that_keeps_them() -> None:
    references = [(SUBJECT.number, "Patient", "1")]
    assert held(Reference(SUBJECT, "Patient", "1"), references=references)
    assert held(Reference(PATIENT, "Patient", "1"), references=references)
    assert not held(Reference(PATIENT, "Group", "1"), references=references)


# What each prefix says of a target range [start, end] and an asked range [10, 20].
RANGES = {
    (0, 5): {"ne", "lt", "le", "eb"},
    (0, 9): {"ne", "lt", "le", "eb"},
    (0, 10): {"ne", "lt", "le", "ap"},
    (5, 15): {"ne", "lt", "le", "ap"},
    (10, 20): {"eq", "ge", "le", "ap"},
    (12, 15): {"eq", "ge", "le", "ap"},
    (15, 25): {"ne", "gt", "ge", "ap"},
    (20, 25): {"ne", "gt", "ge", "ap"},
    (21, 25): {"ne", "gt", "ge", "sa"},
    (0, 30): {"ne", "gt", "lt", "ge", "le", "ap"},
}
PREFIXES: tuple[Prefix, ...] = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


@pytest.mark.parametrize("target", RANGES)
def test_prefixes_on_ranges(target: tuple[int, int]) -> None:
    assert {x for x in PREFIXES if range_holds(x, *target, 10, 20)} == RANGES[target]
    for prefix in PREFIXES:
        found = held(Date(DATE, prefix, 10, 20), dates=[(DATE.number, *target)])
        assert found == (prefix in RANGES[target])


# And of a number to 5.0, whose digits leave 4.95 to 5.05 open.
NUMBERS = {
    "4": {"ne", "lt", "le", "eb"},
    "4.95": {"eq", "lt", "le", "eb", "ap"},
    "5": {"eq", "ge", "le", "ap"},
    "5.01": {"eq", "gt", "ge", "sa", "ap"},
    "5.05": {"ne", "gt", "ge", "sa", "ap"},
    "6": {"ne", "gt", "ge", "sa"},
}


@pytest.mark.parametrize("target", NUMBERS)
def test_prefixes_on_numbers(target: str) -> None:
    bounds = (Decimal("5.0"), Decimal("4.95"), Decimal("5.05"))
    assert {x for x in PREFIXES if number_holds(x, Decimal(target), *bounds)} == NUMBERS[target]
    numbers = [(PROBABILITY.number, Decimal(target))]
    for prefix in PREFIXES:
        found = held(Number(PROBABILITY, prefix, *bounds), type="RiskAssessment", numbers=numbers)
        assert found == (prefix in NUMBERS[target])


@pytest.mark.parametrize("prefix", ["eq", "gt", "lt", "ne", "ap", "sa"])
def test_without_a_value_no_prefix_holds(prefix: Prefix) -> None:
    assert not held(Date(DATE, prefix, 10, 20))
    assert not held(Quantity(QUANTITY, prefix, Decimal(1), Decimal(0), Decimal(2), None, None))


@pytest.mark.parametrize(
    ("prefix", "value", "system", "code", "expected"),
    [
        ("eq", "5", None, None, True),
        ("eq", "5", None, "mg", True),
        ("eq", "5", None, "milligram", True),
        ("eq", "5", None, "g", False),
        ("eq", "5", UCUM, "mg", True),
        ("eq", "0.005", UCUM, "g", True),
        ("gt", "0.004", UCUM, "g", True),
        ("lt", "0.004", UCUM, "g", False),
        ("ne", "5", UCUM, "g", True),
        ("eq", "5", UCUM, "mL", False),
        ("ne", "5", UCUM, "mL", False),  # of the quantities in that unit there is none
        ("eq", "5", UCUM, "dragons", False),
        ("eq", "5", "http://other", "mg", False),
    ],
)
def test_quantities(
    prefix: Prefix, value: str, system: str | None, code: str | None, expected: bool
) -> None:
    middle = Decimal(value)
    low, high = middle * Decimal("0.99"), middle * Decimal("1.01")
    leaf = Quantity(QUANTITY, prefix, middle, low, high, system, code)
    quantities = [(QUANTITY.number, Decimal(5), UCUM, "mg", "milligram")]
    assert held(leaf, quantities=quantities) is expected


def test_a_composite_asks_one_element_for_all() -> None:
    parameter = p("Observation.component-code-value-quantity")
    code, quantity = parameter.components

    def parts(name: str, value: int) -> tuple[int, tuple[Any, ...]]:
        token = (code.number, "", name)
        return parameter.number, (token, (quantity.number, Decimal(value), "", "", ""))

    composites = [parts("sys", 120), parts("dia", 80)]

    def asks(name: str, value: int) -> Composite:
        middle = Decimal(value)
        number = Quantity(quantity, "eq", middle, middle, middle + 1, None, None)
        return Composite(parameter, (Token(code, None, name), number))

    assert held(asks("sys", 120), composites=composites)
    assert held(asks("dia", 80), composites=composites)
    assert not held(asks("sys", 80), composites=composites)


def test_missing() -> None:
    assert held(Missing(CODE, missing=True))
    assert not held(Missing(CODE, missing=False))
    assert held(Missing(CODE, missing=False), tokens=[(CODE.number, "", "a")])
    group = [(SUBJECT.number, "Group", "1")]
    assert held(Missing(SUBJECT, missing=False), references=group)
    assert held(Missing(PATIENT, missing=True), references=group)
    assert held(Missing(SUBJECT, missing=False), uris=[(SUBJECT.number, "http://a")])


def test_in_a_search_of_several_types_the_own_parameter_counts() -> None:
    tag, own = p("Account._tag"), p("Observation._tag")
    assert held(Token(tag, None, "x"), tokens=[(own.number, "", "x")])
    assert held(Missing(tag, missing=False), tokens=[(own.number, "", "x")])
    text, own_text = tag.text, own.text
    assert text is not None
    assert own_text is not None
    assert held(String(text, "starts", "x"), strings=[(own_text.number, "X")])
    assert not held(Token(p("Patient.gender"), None, "male"), tokens=[(own.number, "", "male")])


# The resource itself, and others


def test_id_and_last_update() -> None:
    assert held(Ids(("x", "o1")))
    assert not held(Ids(()))
    assert held(LastUpdated("eq", 5_000, 5_999))
    assert not held(LastUpdated("gt", 5_000, 5_999))
    assert held(LastUpdated("sa", 4_000, 4_999))


def test_chains_ask_the_record() -> None:
    references = [(SUBJECT.number, "Patient", "1"), (SUBJECT.number, "Group", "2")]
    record = Record(holding={("Patient", "1"), ("Group", "3")})
    assert held(Chain(PATIENT, "Patient", Everything()), record=record, references=references)
    assert not held(Chain(SUBJECT, "Group", Everything()), record=record, references=references)
    assert not held(Chain(PATIENT, "Patient", Everything()), record=record)


def test_reverse_chains_and_lists_ask_the_record() -> None:
    record = Record(referring={("AuditEvent.entity", "Observation", "o1")})
    assert held(Has(p("AuditEvent.entity"), Everything()), record=record)
    assert not held(Has(p("AuditEvent.agent"), Everything()), record=record)
    assert held(InList("l"), record=Record(referring={("List.item", "Observation", "o1")}))
    assert not held(InList("l"), record=record)


def test_compartments() -> None:
    performer = p("Observation.performer")
    assert held(Compartment("Patient", "1"), references=[(SUBJECT.number, "Patient", "1")])
    assert held(Compartment("Patient", "1"), references=[(performer.number, "Patient", "1")])
    assert not held(Compartment("Patient", "2"), references=[(SUBJECT.number, "Patient", "1")])
    focus = p("Observation.focus")
    assert not held(Compartment("Patient", "1"), references=[(focus.number, "Patient", "1")])
    assert held(Compartment("Patient", "o1"), type="Patient")
    assert not held(Compartment("Patient", "o1"))


# Algebra, and a tiny oracle

_words = st.sampled_from(["a", "b", "Ä", "ab", ""])
_points = st.integers(0, 8)
_ranges = st.tuples(_points, _points).map(lambda pair: (min(pair), max(pair)))
_prefixes = st.sampled_from(PREFIXES)

_entries = st.fixed_dictionaries(
    {
        "tokens": st.lists(st.tuples(st.just(CODE.number), _words, _words), max_size=2),
        "strings": st.lists(st.tuples(st.just(TEXT.number), _words), max_size=2),
        "dates": st.lists(_ranges.map(lambda pair: (DATE.number, *pair)), max_size=2),
    }
)
_leaves: st.SearchStrategy[Leaf] = st.one_of(
    st.builds(Token, st.just(CODE), st.none() | _words, st.none() | _words),
    st.builds(String, st.just(TEXT), st.sampled_from(["starts", "contains", "exact"]), _words),
    st.builds(lambda prefix, pair: Date(DATE, prefix, *pair), _prefixes, _ranges),
)
_nodes: st.SearchStrategy[Node] = st.recursive(
    _leaves | st.sampled_from([Everything(), Nothing(), Ids(("o1",)), Missing(CODE, missing=True)]),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, max_size=3).map(lambda nodes: And(tuple(nodes))),
        st.lists(inner, max_size=3).map(lambda nodes: Or(tuple(nodes))),
    ),
    max_leaves=6,
)


def oracle(leaf: Leaf, entries: dict[str, Any]) -> bool:
    """The same by counting points of time and comparing pieces of text."""
    if isinstance(leaf, Token):
        return any(
            all(
                word is None or entry[1 + at] == word
                for word, at in ((leaf.system, 0), (leaf.code, 1))
            )
            for entry in entries["tokens"]
        )
    if isinstance(leaf, String):
        texts = [text for _, text in entries["strings"]]
        if leaf.mode == "exact":
            return leaf.text in texts
        asked_text = normalise(leaf.text)
        starts = [0] if leaf.mode == "starts" else range(4)
        return any(
            normalise(text)[start : start + len(asked_text)] == asked_text
            for text in texts
            for start in starts
            if start <= len(normalise(text))
        )
    assert isinstance(leaf, Date)
    asked_points = set(range(leaf.low, leaf.high + 1))
    return any(
        by_points(leaf.prefix, set(range(low, high + 1)), asked_points)
        for _, low, high in entries["dates"]
    )


def by_points(prefix: Prefix, target: set[int], asked: set[int]) -> bool:
    after, before = max(target) > max(asked), min(target) < min(asked)
    return {
        "eq": target <= asked,
        "ne": bool(target - asked),
        "gt": after,
        "lt": before,
        "ge": after or target <= asked,
        "le": before or target <= asked,
        "sa": all(point > max(asked) for point in target),
        "eb": all(point < min(asked) for point in target),
        "ap": bool(target & asked),
    }[prefix]


@given(_leaves, _entries)
def test_leaves_agree_with_an_oracle(leaf: Leaf, entries: dict[str, Any]) -> None:
    assert held(leaf, **entries) == oracle(leaf, entries)


@given(_nodes, _nodes, _entries)
def test_algebra(left: Node, right: Node, entries: dict[str, Any]) -> None:
    def truth(node: Node) -> bool:
        return held(node, **entries)

    assert truth(Not(Not(left))) == truth(left)
    assert truth(Not(And((left, right)))) == truth(Or((Not(left), Not(right))))
    assert truth(Not(Or((left, right)))) == truth(And((Not(left), Not(right))))
    assert truth(And((left, right))) == truth(And((right, left)))
    assert truth(And((left, Or((left, right))))) == truth(left)
    assert truth(And((left, Everything()))) == truth(Or((left, Nothing()))) == truth(left)


def test_the_empty_joins() -> None:
    assert held(And(()))
    assert not held(Or(()))
