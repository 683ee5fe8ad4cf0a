"""Residents are valid, plausible and always the same; nobody real can be met among them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xinglin.fhir.resource import parse
from xinglin.simulator.catalogue import care, measures
from xinglin.simulator.district import district
from xinglin.simulator.people import NATIONAL_ID
from xinglin.simulator.residents import resident, residents

Json = dict[str, Any]

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
SEEDS = st.integers(0, 2**32)
NUMBERS = st.integers(0, 5000)
MANY = 200
TODAY = date(2026, 11, 21)


def resources(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"]]


def of(kind: str, bundle: Json) -> list[Json]:
    return [resource for resource in resources(bundle) if resource["resourceType"] == kind]


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All primitive values of a resource with the name of their element."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


def references(bundle: Json) -> set[str]:
    return {value for name, value in leaves(bundle) if name == "reference"}


def addresses(bundle: Json) -> set[str]:
    full_urls = {entry["fullUrl"] for entry in bundle["entry"]}
    return full_urls | {entry["request"]["url"] for entry in bundle["entry"]}


def quantity(observation: Json) -> float:
    return float(observation["valueQuantity"]["value"])


@pytest.fixture(scope="module")
def crowd() -> list[Json]:
    return [resident(7, number, TODAY) for number in range(MANY)]


@given(SEEDS, NUMBERS, DAYS)
def test_the_same_seed_gives_the_same_bytes(seed: int, number: int, today: date) -> None:
    once, again = (orjson.dumps(resident(seed, number, today)) for _ in range(2))
    assert once == again


@given(SEEDS, NUMBERS, DAYS)
@settings(max_examples=60)
def test_every_resource_is_valid_r4(seed: int, number: int, today: date) -> None:
    bundle = resident(seed, number, today)
    parse(orjson.dumps(bundle), expected="Bundle")
    for resource in resources(bundle):
        assert parse(orjson.dumps(resource)).type == resource["resourceType"]


def test_the_district_is_valid_r4_and_complete_in_itself() -> None:
    bundle = district()
    for resource in resources(bundle):
        parse(orjson.dumps(resource))
    assert references(bundle) <= addresses(bundle)


@given(SEEDS, NUMBERS, DAYS)
def test_references_stay_inside_the_bundle_or_the_district(
    seed: int, number: int, today: date
) -> None:
    bundle = resident(seed, number, today)
    assert references(bundle) <= addresses(bundle) | addresses(district())


@given(SEEDS, NUMBERS, DAYS)
@example(0, 0, date(2024, 2, 29))
def test_nothing_is_before_birth_and_nothing_in_the_future(
    seed: int, number: int, today: date
) -> None:
    bundle = resident(seed, number, today)
    born = of("Patient", bundle)[0]["birthDate"]
    dated = {"birthDate", "occurrenceDateTime", "authoredOn", "issued", "effectiveDateTime"}
    dated |= {"onsetDateTime", "abatementDateTime", "recordedDate", "start", "end"}
    days = [str(value)[:10] for name, value in leaves(bundle) if name in dated]
    assert born == min(days)
    assert max(days) < today.isoformat()


@given(SEEDS, NUMBERS, DAYS)
def test_periods_and_illnesses_end_after_they_begin(seed: int, number: int, today: date) -> None:
    bundle = resident(seed, number, today)
    for encounter in of("Encounter", bundle):
        assert encounter["period"]["start"] < encounter["period"]["end"]
    for condition in of("Condition", bundle):
        over = condition.get("abatementDateTime")
        assert over is None or condition["onsetDateTime"] < over
        assert (condition["clinicalStatus"]["coding"][0]["code"] == "resolved") == bool(over)


@given(SEEDS, NUMBERS, DAYS)
def test_body_mass_index_follows_from_height_and_weight(
    seed: int, number: int, today: date
) -> None:
    by_time: dict[str, dict[str, float]] = {}
    for observation in of("Observation", resident(seed, number, today)):
        if observation["code"]["coding"][0]["code"] in ("8302-2", "29463-7", "39156-5"):
            code = observation["code"]["coding"][0]["code"]
            by_time.setdefault(observation["encounter"]["reference"], {})[code] = quantity(
                observation
            )
    for measured in by_time.values():
        metres = measured["8302-2"] / 100
        assert measured["39156-5"] == pytest.approx(measured["29463-7"] / metres**2, abs=0.051)


@given(SEEDS, NUMBERS, DAYS)
def test_a_national_id_is_well_formed_and_no_real_persons(
    seed: int, number: int, today: date
) -> None:
    patient = of("Patient", resident(seed, number, today))[0]
    value = next(i["value"] for i in patient["identifier"] if i["system"] == NATIONAL_ID)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643, written out
    total = sum(int(digit) * weight for digit, weight in zip(value[:17], weights, strict=True))
    assert value[17] == "10X98765432"[total % 11]
    assert value.startswith("99")  # the regions of the living end with 91
    assert value[6:14] == patient["birthDate"].replace("-", "")
    assert int(value[16]) % 2 == (patient["gender"] == "male")


def test_ids_and_identifiers_are_unique(crowd: list[Json]) -> None:
    ids = Counter(entry["request"]["url"] for bundle in crowd for entry in bundle["entry"])
    assert ids.total() == len(ids)
    patients = [of("Patient", bundle)[0] for bundle in crowd]
    given_out = Counter((i["system"], i["value"]) for p in patients for i in p["identifier"])
    assert given_out.total() == len(given_out) == 2 * MANY


def test_different_seeds_are_different_people() -> None:
    names = {json.dumps(of("Patient", resident(seed, 0, TODAY))[0]["id"]) for seed in range(50)}
    assert len(names) == 50


def test_the_district_comes_first_and_then_as_many_as_were_asked_for() -> None:
    first, *others = residents(3, 4, TODAY)
    assert first == district()
    assert [of("Patient", bundle)[0] for bundle in others] == [
        of("Patient", resident(3, number, TODAY))[0] for number in range(4)
    ]


def test_residents_are_told_one_by_one() -> None:
    endless = residents(3, 10**9, TODAY)
    assert len(list(islice(endless, 3))) == 3


def test_each_record_is_long_enough_to_show_and_short_enough_to_read(crowd: list[Json]) -> None:
    sizes = [len(bundle["entry"]) for bundle in crowd]
    assert min(sizes) >= 5
    assert max(sizes) <= 150
    assert 30 <= sum(sizes) / len(sizes) <= 60


def test_values_follow_illness(crowd: list[Json]) -> None:
    """The mean of the diabetic's glucose lies clearly above that of the others."""
    diabetic: list[float] = []
    others: list[float] = []
    for bundle in crowd:
        codes = {c["code"]["coding"][0]["code"] for c in of("Condition", bundle)}
        found = diabetic if care().chronic["diabetes"].icd10 in codes else others
        glucose = measures()["glucose"].loinc
        found += [
            quantity(observation)
            for observation in of("Observation", bundle)
            if observation["code"]["coding"][0]["code"] == glucose
        ]
    assert sum(diabetic) / len(diabetic) > sum(others) / len(others) + 1


def test_reports_gather_the_results_of_their_own_visit(crowd: list[Json]) -> None:
    seen = 0
    for bundle in crowd:
        by_url = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
        for report in of("DiagnosticReport", bundle):
            results = [by_url[result["reference"]] for result in report["result"]]
            assert {result["encounter"]["reference"] for result in results} == {
                report["encounter"]["reference"]
            }
            seen += 1
    assert seen


def test_the_old_are_ill_more_often_than_the_young(crowd: list[Json]) -> None:
    def share(born: range) -> float:
        lives = [b for b in crowd if int(of("Patient", b)[0]["birthDate"][:4]) in born]
        return sum(bool(of("CarePlan", bundle)) for bundle in lives) / len(lives)

    assert share(range(1925, 1966)) > share(range(1990, 2027)) + 0.2


def test_every_row_of_the_tables_is_named_rightly() -> None:
    names = {*care().chronic, *care().acute, *care().stay}
    acute = [*care().acute.values(), *care().stay.values()]
    chronic = care().chronic.values()
    for medicines in (*(row.medicines for row in acute), *(row.medicines for row in chronic)):
        assert set(medicines) <= care().medicine.keys()
    for illness in chronic:
        assert set(illness.measured) <= measures().keys()
    for measure in measures().values():
        assert measure.moved.keys() <= names
        assert measure.normal[0] < measure.normal[1]


@given(SEEDS, NUMBERS)
def test_the_newborn_have_a_record_too(seed: int, number: int) -> None:
    """A day that is close to birth leaves little time, and still nothing lies outside it."""
    bundle = resident(seed, number, TODAY)
    patient = of("Patient", bundle)[0]
    assert date.fromisoformat(patient["birthDate"]) <= TODAY - timedelta(days=7)
