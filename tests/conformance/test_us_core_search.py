"""The searches that US Core 6.1.0 asks of a server, run and judged as the suite's README says,
and more strictly: an answer holds all that matches, not only nothing else.

What matches is told by the oracle (`tests/kit/oracle`), with the paths of the suite.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from time import sleep
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.kit.oracle import elements
from tests.kit.oracle.corpus import AnswerError, Corpus, Resource, key, pages, read_back
from tests.kit.oracle.generation import escaped
from tests.kit.oracle.leaves import holds, parts
from tests.kit.oracle.parameters import Parameter
from tests.kit.outside import suite
from tests.kit.synthea import holding, patients, put
from tests.kit.us_core import parameters, provenance, resources, surroundings

FAILING: dict[str, str] = {}  # "profile: parameters" → why we do not pass it; SHOULD as well

_KINDS = {"Reference": "reference", "canonical": "uri"}
_KINDS |= dict.fromkeys(("date", "dateTime", "instant", "Period"), "date")
_KINDS |= dict.fromkeys(("string", "HumanName", "Address"), "string")
_ASSERTED = "condition-assertedDate"
_CHOICES = {
    "effective": ("effectiveDateTime", "effectivePeriod"),
    "occurrence": ("occurrenceDateTime",),
    "performed": ("performedDateTime", "performedPeriod"),
}
Metadata = dict[str, Any]


@pytest.fixture(scope="module")
def profiles() -> list[Metadata]:
    folder = suite("us-core-search")
    index = json.loads((folder / "index.json").read_bytes())
    return [json.loads((folder / each["file"]).read_bytes()) for each in index]


@pytest.fixture(scope="module")
def made(profiles: list[Metadata]) -> dict[str, list[Resource]]:
    """By profile, what was made for it."""
    found = {profile["name"]: list(resources(profile)) for profile in profiles}
    targets = [each for many in found.values() for each in many]
    found["us_core_provenance"] = provenance(targets)
    return found


@pytest.fixture(scope="module")
def fhir(
    made: dict[str, list[Resource]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    stored = [each for many in made.values() for each in many]
    with holding(tmp_path_factory.mktemp("us-core"), patients()[:3], parameters()) as found:
        put(found, [*surroundings(), *stored])
        _in_force(found)
        found.headers["prefer"] = "handling=strict"
        yield found


def _in_force(fhir: httpx.Client) -> None:
    """The parameters that US Core defines are searched by from now on."""
    job = fhir.post("$reindex", headers={"prefer": "respond-async"})
    assert job.status_code == 202, job.text
    while (told := fhir.get(job.headers["content-location"])).status_code == 202:
        sleep(0.05)
    assert told.status_code == 200, told.text


@pytest.fixture(scope="module")
def corpus(fhir: httpx.Client) -> Corpus:
    return read_back(fhir)


@dataclass(frozen=True)
class Definition:
    """One search parameter as the suite describes it."""

    name: str
    about: Metadata

    @property
    def parameter(self) -> Parameter:
        paths = [p for path in self.about["paths"] for p in _CHOICES.get(path, (path,))]
        return Parameter(_KINDS.get(self.about["type"], "token"), tuple(paths))

    def matches(self, value: str, resource: Resource) -> bool:
        at = _flat(resource)
        return any(holds(self.parameter, "", text, at, 0) for text in parts(value, ","))

    def values(self, resource: Resource) -> list[str]:
        """Every way in which the suite asks for what this resource has."""
        found = list(self.parameter.elements(_flat(resource)))
        assert found, f"nothing was made for {self.name} of {key(resource)}"
        first = found[0]
        makers = {"reference": _references, "date": self._dates, "string": _strings}
        values = makers.get(self.parameter.kind, _tokens)(first)
        if self.about["multiple_or"] == "SHALL" and self.parameter.kind == "token":
            others = [*self.about["values"], "nothing"]
            values.append(",".join([values[0], *others]))
        return values

    def _dates(self, element: Any) -> list[str]:
        when = element if isinstance(element, str) else element.get("end", element["start"])
        start = element if isinstance(element, str) else element["start"]
        bounds = {"gt": "2000", "ge": start, "lt": "2100-01", "le": when, "eq": when[:4]}
        asked = self.about["comparators"]
        return [when[:4], *(f"{p}{bounds[p]}" for p in bounds if asked.get(p) == "SHALL")]


def _flat(resource: Resource) -> Resource:
    """The one extension that is searched, under the path that the suite gives it."""
    flat = dict(resource)
    for extension in resource.get("extension", []):
        if extension["url"].endswith(_ASSERTED):
            flat["asserted"] = extension["valueDateTime"]
    return flat


def _references(element: Any) -> list[str]:
    return [element["reference"], element["reference"].split("/")[1]]


def _strings(element: Any) -> list[str]:
    return [escaped(text) for text in elements.texts(element)]


def _tokens(element: Any) -> list[str]:
    if isinstance(element, str):
        return [escaped(element)]
    first = next(elements.codes(element))
    return [escaped(first.code), f"{escaped(first.system or '')}|{escaped(first.code)}"]


def _definitions(profile: Metadata, names: list[str]) -> list[Definition]:
    found = []
    for name in names:
        about = dict(profile["search_definitions"][name])
        about["paths"] = [
            re.sub(r"extension\.where.*", "asserted", path) for path in about["paths"]
        ]
        found.append(Definition(name, about))
    return found


def _ids(fhir: httpx.Client, type: str, pairs: list[tuple[str, str]]) -> set[str]:
    """The matches, the same by GET and by POST."""
    asked = [*pairs, ("_elements", "id"), ("_count", "1000")]
    address = f"{type}?{urlencode(asked)}"
    found = {key(e["resource"]) for page in pages(fhir, address) for e in page.get("entry", [])}
    posted = fhir.post(
        f"{type}/_search",
        content=urlencode(asked),
        headers={"content-type": "application/x-www-form-urlencoded"},
    ).json()
    assert found == {key(entry["resource"]) for entry in posted.get("entry", [])}, "by POST"
    return found


def _verdict(
    fhir: httpx.Client, corpus: Corpus, type: str, definitions: list[Definition], one: Resource
) -> str:
    """What is wrong with one combination of parameters, or nothing."""
    columns = [definition.values(one) for definition in definitions]
    for row in zip_longest(*columns):
        values = [value or column[0] for value, column in zip(row, columns, strict=True)]
        pairs = list(zip((d.name for d in definitions), values, strict=True))
        expected = {
            key(each)
            for each in corpus.of(type)
            if all(d.matches(v, each) for d, v in zip(definitions, values, strict=True))
        }
        assert key(one) in expected, f"{pairs} is not asked so that it finds {key(one)}"
        try:
            found = _ids(fhir, type, pairs)
        except AnswerError as refusal:
            return f"{pairs}: {refusal}"
        if found != expected:
            return f"{pairs}: missing {expected - found}, too many {found - expected}"
    return ""


def test_every_search_of_us_core(
    fhir: httpx.Client, corpus: Corpus, profiles: list[Metadata], made: dict[str, list[Resource]]
) -> None:
    wrong, kept = {}, {"SHALL": 0, "SHOULD": 0}
    for profile in profiles:
        for search in profile["searches"]:
            definitions = _definitions(profile, search["names"])
            ones = [r for r in made[profile["name"]] if _has_all(r, definitions)]
            assert ones, f"nothing was made for {profile['name']} {search['names']}"
            # Dates are written in two ways, all else in one.
            dated = any(d.parameter.kind == "date" for d in definitions)
            ones = ones[: 2 if dated else 1]
            told = [_verdict(fhir, corpus, profile["resource"], definitions, r) for r in ones]
            if why := "; ".join(each for each in told if each):
                row = f"{profile['name']}: {'+'.join(search['names'])}"
                wrong[row] = f"{search['expectation']}: {why}"
            else:
                kept[search["expectation"]] += 1
    assert wrong.keys() == FAILING.keys(), json.dumps([kept, wrong], indent=1)
    assert sum(kept.values()) + len(FAILING) == 217


def _has_all(resource: Resource, definitions: list[Definition]) -> bool:
    return all(any(d.parameter.elements(_flat(resource))) for d in definitions)


def test_chains_of_us_core(fhir: httpx.Client, profiles: list[Metadata]) -> None:
    asked = 0
    for profile in profiles:
        for name, about in profile["search_definitions"].items():
            for link in about.get("chain", []):
                value = {"identifier": "npi-0", "name": "Doctor 0"}[link["chain"]]
                query = {f"{name}.{link['chain']}": value}
                found = fhir.get(profile["resource"], params=query).json()
                ids = {e["resource"]["practitioner"]["reference"] for e in found["entry"]}
                assert ids == {"Practitioner/us-core-practitioner-0"}
                asked += 1
    assert asked == 2


def test_includes_of_us_core(
    fhir: httpx.Client, corpus: Corpus, profiles: list[Metadata], made: dict[str, list[Resource]]
) -> None:
    for profile in profiles:
        type, one = profile["resource"], made[profile["name"]][0]
        for include in profile["include_params"]:
            got = _included(fhir, type, {"_id": one["id"], "_include": include})
            path = {"participant": "participant.member", "medication": "medicationReference"}
            code, target = (*include.split(":")[1:], "")[:2]
            linked = {r for e in elements.at(one, path.get(code, code)) for r in elements.local(e)}
            assert (
                got == {r for r in linked if r.startswith(f"{target}/" if target else "")} != set()
            ), include
        for revinclude in profile["revincludes"]:
            got = _included(fhir, type, {"_id": one["id"], "_revinclude": revinclude})
            assert got == {f"Provenance/about-{one['id']}"[:75]}, revinclude


def _included(fhir: httpx.Client, type: str, query: dict[str, str]) -> set[str]:
    entries = fhir.get(type, params=query).json()["entry"]
    assert [e["search"]["mode"] for e in entries].count("match") == 1
    return {key(e["resource"]) for e in entries if e["search"]["mode"] == "include"}


def test_what_was_made_is_read_as_it_was_written(
    fhir: httpx.Client, made: dict[str, list[Resource]]
) -> None:
    for one in (each for many in made.values() for each in many):
        read = fhir.get(key(one))
        told = read.json()
        meta = told.pop("meta")
        assert {name: meta[name] for name in one.get("meta", {})} == one.get("meta", {})
        assert told == {name: value for name, value in one.items() if name != "meta"}
        assert fhir.get(f"{key(one)}/_history/{meta['versionId']}").json() == read.json()
        versions = fhir.get(f"{key(one)}/_history").json()["entry"]
        assert [entry["resource"] for entry in versions] == [read.json()]
