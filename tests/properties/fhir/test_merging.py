"""JSON Merge Patch: the examples of RFC 7396, and that a difference brings one to the other."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.merging import merged, parse
from xinglin.fhir.outcome import Refused

leaves = st.booleans() | st.integers() | st.text(max_size=4)
names = st.sampled_from(["a", "b", "c", ""])


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=12,
    )


documents = nested(leaves)  # a merge patch cannot speak of null
patches = nested(leaves | st.none())


def difference(before: Any, after: Any) -> Any:
    """A merge patch from one document to another."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone: dict[str, Any] = {name: None for name in before if name not in after}
    changed = {
        name: difference(before[name], value) if name in before else value
        for name, value in after.items()
        if name not in before or before[name] is not value
    }
    return gone | changed


# RFC 7396, appendix A: document, patch, result.
EXAMPLES = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


@pytest.mark.parametrize(("document", "patch", "result"), EXAMPLES)
def test_the_examples_of_the_standard(document: str, patch: str, result: str) -> None:
    assert json.dumps(merged(json.loads(document), json.loads(patch))) == json.dumps(
        json.loads(result)
    )


@given(documents, documents)
def test_a_difference_brings_one_document_to_the_other(before: Any, after: Any) -> None:
    assert merged(before, difference(before, after)) == after


@given(documents, patches)
def test_the_same_patch_again_changes_nothing_more(document: Any, patch: Any) -> None:
    once = merged(document, patch)
    assert merged(once, patch) == once


@given(documents, patches)
def test_what_is_given_is_never_changed(document: Any, patch: Any) -> None:
    before = copy.deepcopy((document, patch))
    merged(document, patch)
    assert (document, patch) == before


def test_decimals_keep_their_precision() -> None:
    document = parse_exact(b'{"low":72.50,"high":1}')
    assert dump_exact(merged(document, parse(b'{"high":80.00}'))) == b'{"low":72.50,"high":80.00}'


@pytest.mark.parametrize(
    ("patch", "key"),
    [
        (b"[]", "fhir.merge-patch-not-an-object"),
        (b"null", "fhir.merge-patch-not-an-object"),
        (b"", "fhir.json-unreadable"),
        (b'{"a":1,"a":null}', "fhir.element-twice"),
    ],
)
def test_what_is_no_merge_patch_is_refused(patch: bytes, key: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(patch)
    assert caught.value.issues[0].key == key


def test_a_patch_too_deep_to_walk_is_refused() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}
    with pytest.raises(Refused) as caught:
        merged({}, deep)
    assert caught.value.issues[0].key == "fhir.json-too-deep"
