"""Random simple expressions, compared with another implementation (fhirpathpy)."""

from __future__ import annotations

from typing import Any

import fhirpathpy
from fhirpathpy.models import models
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.fhirpath import evaluate

words = st.sampled_from(["official", "usual", "home", "Li", "Ming", "a"])
maybe_words = st.none() | words
human_names = st.fixed_dictionaries(
    {}, optional={"use": words, "family": words, "given": st.lists(words, min_size=1, max_size=3)}
)
contact_points = st.fixed_dictionaries({"system": words}, optional={"value": words, "use": words})
patients = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": words,
        "active": st.booleans(),
        "gender": words,
        "birthDate": st.dates().map(str),
        "name": st.lists(human_names.filter(bool), min_size=1, max_size=3),
        "telecom": st.lists(contact_points, min_size=1, max_size=3),
    },
)
paths = st.sampled_from(
    [
        "name",
        "name.given",
        "name.family",
        "telecom.value",
        "telecom",
        "active",
        "gender",
        "birthDate",
        "id",
        "name.use",
    ]
)
tests = st.builds("{} = '{}'".format, st.sampled_from(["use", "family", "$this.use"]), words)
text_paths = st.sampled_from(["name.given", "name.family", "telecom.value", "gender", "name.use"])
functions = st.sampled_from(
    [
        ".count()",
        ".exists()",
        ".empty()",
        ".first()",
        ".last()",
        ".tail()",
        ".distinct()",
        ".take(2)",
        ".skip(1)",
        ".distinct().count()",
        "[0]",
        "[1]",
        ".isDistinct()",
    ]
)
expressions = st.one_of(
    paths,
    st.builds("{}{}".format, paths, functions),
    st.builds("name.where({}).given{}".format, tests, functions | st.just("")),
    st.builds("name.exists({})".format, tests),
    st.builds("name.select(given | family){}".format, functions | st.just("")),
    st.builds("({} | {}){}".format, text_paths, text_paths, functions | st.just("")),
    st.builds("{}.where($this = '{}')".format, text_paths, words),
    st.builds("{} contains '{}'".format, text_paths, words),
    st.builds(
        "{}.count() {} {}".format, paths, st.sampled_from(["<", ">=", "="]), st.integers(0, 3)
    ),
    st.builds("{}.intersect({})".format, text_paths, text_paths),
    st.builds("{}.all($this.length() > 2)".format, text_paths),
    st.builds(
        "({}) and ({})".format, st.builds("name.exists({})".format, tests), st.just("active")
    ),
    st.builds("{}.select($this & 'x').join(',')".format, text_paths),
)


@given(patients, expressions)
def test_both_answer_the_same(patient: dict[str, Any], expression: str) -> None:
    theirs = fhirpathpy.evaluate(patient, expression, model=models["r4"])
    assert [value.json for value in evaluate(expression, patient)] == theirs
