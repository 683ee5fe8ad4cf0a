"""The patients whom benchmarks copy: each copy is a person of its own, with links of its own."""

from __future__ import annotations

import re
from itertools import islice
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.markdown import table
from benchmarks.population import Population
from benchmarks.records import Result
from xinglin.cli.benchmarking.bundles import packets
from xinglin.fhir.resource import parse

FOUNDING, SOME = packets(None, 4)
POPULATION = Population(FOUNDING, SOME)
THREE_ROUNDS = list(islice(POPULATION.copies(), 3 * len(SOME)))


def test_every_copy_is_a_resource_with_an_id_of_its_own() -> None:
    found = [parse(text) for chart in THREE_ROUNDS for text in chart]
    assert len(found) == 3 * POPULATION.size
    assert len({(each.type, each.id) for each in found}) == len(found)


def test_every_link_leads_into_the_same_chart_or_to_what_all_refer_to() -> None:
    for chart in THREE_ROUNDS:
        known = {f"{each.type}/{each.id}" for each in map(parse, [*POPULATION.founding, *chart])}
        links = re.findall(r'"reference":"([^"]*)"', b"".join(chart).decode())
        assert links
        assert [link for link in links if link not in known] == []


def test_a_copy_says_what_its_original_said() -> None:
    first, second = THREE_ROUNDS[0], THREE_ROUNDS[len(SOME)]
    for one, other in zip(first, second, strict=True):
        assert one != other
        assert one.replace(b"00000000-", b"00000001-") == other


def test_questions_are_about_observations_that_are_there() -> None:
    there = set()
    for text in (text for chart in THREE_ROUNDS for text in chart):
        resource = orjson.loads(text)
        if resource["resourceType"] == "Observation":
            coding = resource["code"]["coding"][0]
            patient = resource["subject"]["reference"].removeprefix("Patient/")
            there.add((patient, f"{coding['system']}|{coding['code']}"))
    chance = Random(1)  # noqa: S311  (a sample, not a secret)
    assert set(POPULATION.questions(3, 200, chance)) <= there


def test_people_without_observations_cannot_be_asked_about() -> None:
    with pytest.raises(ValueError, match="observation"):
        Population(FOUNDING, [])


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.sampled_from(["more", "less"]))
def test_a_promise_is_held_on_its_own_side_of_the_goal(
    figure: float, goal: float, better: str
) -> None:
    result = Result(
        what="",
        figure=figure,
        unit="",
        reference="",
        reference_figure=1,
        goal=goal,
        better="more" if better == "more" else "less",
    )
    assert result.held == (figure == goal or (figure > goal) == (better == "more"))


@given(st.lists(st.lists(st.text("ab1 ", min_size=1), min_size=3, max_size=3)))
def test_a_table_has_a_line_for_each_row(rows: list[list[str]]) -> None:
    lines = table(["one", "two", "three"], rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {4}
