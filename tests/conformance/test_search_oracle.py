"""Hundreds of invented searches get the answer that a second, much simpler engine gives
(`tests/kit/oracle`), which looks at every resource and shares no code with Xinglin.

Other searches: `XINGLIN_ORACLE_SEED=7 XINGLIN_ORACLE_SEARCHES=5000`; all patients: `-m heavy`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import time
from urllib.parse import urlencode

import httpx
import pytest

from tests.kit.oracle.additions import additions
from tests.kit.oracle.answer import Asked, Oracle
from tests.kit.oracle.corpus import AnswerError, Corpus, key, pages, read_back
from tests.kit.oracle.generation import Inventor
from tests.kit.synthea import holding, patients

SEED = int(os.environ.get("XINGLIN_ORACLE_SEED", "1"))
SEARCHES = int(os.environ.get("XINGLIN_ORACLE_SEARCHES", "400"))
PATIENTS = 25  # of the sixty, without the few very large records
LARGEST = 80_000  # bytes, compressed
_SHOWN = 10  # failures in one message


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    small = [file for file in patients() if file.stat().st_size < LARGEST]
    chosen = Random(1).sample(small, PATIENTS)  # noqa: S311  (no secrets)
    with holding(tmp_path_factory.mktemp("some"), chosen, additions()) as found:
        yield found


@pytest.fixture(scope="module")
def corpus(fhir: httpx.Client) -> Corpus:
    return read_back(fhir)


@dataclass
class Answer:
    matches: list[str] = field(default_factory=list)
    included: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)

    def add(self, entry: dict[str, object], mode: str) -> None:
        resource = entry["resource"]
        assert isinstance(resource, dict)
        if mode == "match":
            self.matches.append(key(resource))
        else:
            assert mode == "include", resource
            self.included.add(key(resource))


def answered(fhir: httpx.Client, asked: Asked, count: int) -> Answer:
    """The answer on all its pages, of so many matches each."""
    found = Answer()
    controls = (("_count", str(count)), ("_total", "accurate"), ("_elements", "id"))
    address = f"{asked.path}?{urlencode([*asked.pairs, *controls])}"
    for bundle in pages(fhir, address):
        for entry in bundle.get("entry", []):
            found.add(entry, entry["search"]["mode"])
        found.totals |= {bundle["total"]} if "total" in bundle else set()
    return found


def _otherwise(fhir: httpx.Client, asked: Asked, expected: int) -> list[str]:
    """What is wrong with the number alone, asked by POST of a form."""
    form = urlencode([*asked.pairs, ("_summary", "count")])
    path = f"{asked.path}/_search".removeprefix("/")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    bundle = fhir.post(path, content=form, headers=headers).json()
    wrong = bundle.get("total") != expected or "entry" in bundle
    return [f"by POST, the count: {bundle}"] if wrong else []


def difference(fhir: httpx.Client, corpus: Corpus, asked: Asked, random: Random) -> str:
    """What is wrong with the answer to one search, or nothing."""
    before = Oracle(corpus, int(time() * 1000))
    expected = before.matches(asked)
    count = 1000 if random.random() < 0.7 else max(3, len(expected) // 4)
    try:
        got = answered(fhir, asked, count)
    except AnswerError as refusal:
        if "too-costly" not in str(refusal):
            return str(refusal)
        got = answered(fhir, asked, 10)  # every patient's whole record is too much for one page
    after = Oracle(corpus, int(time() * 1000))  # `ap` depends on the moment
    expected = expected if set(got.matches) == expected else after.matches(asked)
    included = after.included(asked, expected)
    wrong = _members(expected, got.matches)
    wrong += [f"not included: {sorted(included - got.included)[:5]}"] * bool(
        included - got.included - expected
    )
    # What matches on another page may be included on this one.
    surplus = got.included - included - expected
    wrong += [f"included: {sorted(surplus)[:5]}"] * bool(surplus)
    wrong += [f"totals: {got.totals}, not {len(expected)}"] * (got.totals != {len(expected)})
    wrong += _otherwise(fhir, asked, len(expected)) if random.random() < 0.1 else []
    if not wrong and (disorder := after.disorder(asked, got.matches)):
        wrong = [disorder]
    return "; ".join(wrong)


def _members(expected: set[str], got: list[str]) -> list[str]:
    missing, surplus = expected - set(got), set(got) - expected
    wrong = [f"{len(missing)} missing: {sorted(missing)[:5]}"] * bool(missing)
    wrong += [f"{len(surplus)} too many: {sorted(surplus)[:5]}"] * bool(surplus)
    return wrong + ["some matches came twice"] * (len(got) != len(set(got)))


def differences(fhir: httpx.Client, corpus: Corpus, seed: int, number: int) -> dict[str, str]:
    inventor = Inventor(corpus, seed)
    random = Random(seed)  # noqa: S311  (no secrets)
    asked = [inventor.search() for _ in range(number)]
    found = {str(each): difference(fhir, corpus, each, random) for each in asked}
    return {search: wrong for search, wrong in found.items() if wrong}


def _told(wrong: dict[str, str]) -> str:
    lines = [f"{search}\n    {why}" for search, why in list(wrong.items())[:_SHOWN]]
    return "\n".join([f"{len(wrong)} searches differ (seed {SEED}):", *lines])


def test_invented_searches_find_what_looking_at_everything_finds(
    fhir: httpx.Client, corpus: Corpus
) -> None:
    wrong = differences(fhir, corpus, SEED, SEARCHES)
    assert not wrong, _told(wrong)


@pytest.mark.heavy
def test_invented_searches_in_the_records_of_all_patients(tmp_path: Path) -> None:
    with holding(tmp_path, patients(), additions()) as fhir:
        wrong = differences(fhir, read_back(fhir), SEED, 2 * SEARCHES)
    assert not wrong, _told(wrong)
