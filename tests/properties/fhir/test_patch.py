"""JSON Patch: whatever a patch says, the document given stays as it was."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.outcome import Refused
from xinglin.fhir.patch import apply, parse

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=4)
names = st.sampled_from(["a", "b", "~", "/", "~1", "", "0", "-"])
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
pointers = st.lists(st.sampled_from(["a", "b", "~0", "~1", "~01", "", "0", "1", "-"]), max_size=3)


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]))
    path = "".join(f"/{token}" for token in draw(pointers))
    source = "".join(f"/{token}" for token in draw(pointers))
    return {"op": kind, "path": path, "from": source, "value": draw(documents)}


def patched(document: Any, *operations: dict[str, Any]) -> Any:
    return apply(document, parse(dump_exact(list(operations))))


def refused(document: Any, *operations: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        patched(document, *operations)
    return caught.value


@given(documents, st.lists(operations(), max_size=4))
def test_the_document_given_is_never_changed(document: Any, steps: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(document)
    try:
        patched(document, *steps)
    except Refused as refusal:
        assert refusal.issues[0].key.startswith("fhir.patch-")
    assert document == before


@given(documents)
def test_json_comes_out_with_the_digits_it_came_in_with(document: Any) -> None:
    read = parse_exact(dump_exact(document))
    assert dump_exact(read) == dump_exact(document)


@given(st.dictionaries(names, documents, max_size=3), names, documents)
def test_what_was_added_can_be_read_tested_and_removed(
    document: dict[str, Any], name: str, value: Any
) -> None:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    with_it = patched(
        document,
        {"op": "add", "path": path, "value": value},
        {"op": "test", "path": path, "value": value},
    )
    assert dump_exact(with_it[name]) == dump_exact(value)
    without = patched(with_it, {"op": "remove", "path": path})
    assert name not in without


@given(st.lists(leaves, min_size=1, max_size=5), st.data())
def test_moving_there_and_back_is_nothing(items: list[Any], data: st.DataObject) -> None:
    here = data.draw(st.integers(0, len(items) - 1))
    there = data.draw(st.integers(0, len(items) - 1))
    moved = patched(items, {"op": "move", "from": f"/{here}", "path": f"/{there}"})
    assert patched(moved, {"op": "move", "from": f"/{there}", "path": f"/{here}"}) == items


def test_decimals_keep_their_precision() -> None:
    document = parse_exact(b'{"value":72.50,"low":1e-3}')
    result = patched(document, {"op": "add", "path": "/high", "value": Decimal("80.00")})
    assert dump_exact(result) == b'{"value":72.50,"low":0.001,"high":80.00}'


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (b"1", b"1.0", True),
        (b"1", b"true", False),
        (b"0", b"false", False),
        (b'"1"', b"1", False),
        (b"null", b"null", True),
        (b'{"a":1,"b":[2]}', b'{"b":[2.00],"a":1}', True),
        (b"[1,2]", b"[2,1]", False),
    ],
)
def test_equal_is_equal_as_json(left: bytes, right: bytes, *, equal: bool) -> None:
    patch = parse(b'[{"op":"test","path":"","value":' + right + b"}]")
    if equal:
        assert apply(parse_exact(left), patch) == parse_exact(left)
    else:
        with pytest.raises(Refused):
            apply(parse_exact(left), patch)


def test_a_refusal_names_the_operation_at_fault() -> None:
    add = {"op": "add", "path": "/active", "value": True}
    refusal = refused({"id": "1"}, add, {"op": "remove", "path": "/gender"})
    assert refusal.status == 422
    assert refusal.issues[0].at == "patch[1]"
    assert refusal.issues[0].given == {"operation": 1, "pointer": "/gender"}


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ({"op": "replace", "path": "/none", "value": 1}, "fhir.patch-nothing-there"),
        ({"op": "remove", "path": "/list/2"}, "fhir.patch-nothing-there"),
        ({"op": "remove", "path": "/list/-"}, "fhir.patch-nothing-there"),
        ({"op": "remove", "path": "/list/01"}, "fhir.patch-nothing-there"),
        ({"op": "add", "path": "/list/3", "value": 1}, "fhir.patch-nothing-there"),
        ({"op": "add", "path": "/list/-1", "value": 1}, "fhir.patch-nothing-there"),
        ({"op": "add", "path": "/text/x", "value": 1}, "fhir.patch-nothing-there"),
        ({"op": "add", "path": "/none/x", "value": 1}, "fhir.patch-nothing-there"),
        ({"op": "add", "path": "list", "value": 1}, "fhir.patch-pointer-malformed"),
        ({"op": "add", "path": "/~2", "value": 1}, "fhir.patch-pointer-malformed"),
        ({"op": "add", "path": "/a" * 300, "value": 1}, "fhir.patch-pointer-malformed"),
        ({"op": "remove", "path": ""}, "fhir.patch-removes-all"),
        ({"op": "move", "from": "/list", "path": "/list/0"}, "fhir.patch-into-itself"),
        ({"op": "move", "from": "/none", "path": "/none"}, "fhir.patch-nothing-there"),
        ({"op": "test", "path": "/list", "value": [1]}, "fhir.patch-test-failed"),
    ],
)
def test_what_cannot_be_done_is_refused(operation: dict[str, Any], key: str) -> None:
    assert refused({"list": [1, 2], "text": "t"}, operation).issues[0].key == key


@pytest.mark.parametrize(
    ("patch", "key"),
    [
        (b"{}", "fhir.patch-not-a-list"),
        (b"nonsense", "fhir.json-unreadable"),
        (b"[" * 100_000, "fhir.json-too-deep"),
        (b"[7]", "fhir.patch-operation-malformed"),
        (b'[{"op":"remove","path":"/a","path":"/b"}]', "fhir.element-twice"),
        (b'[{"op":"add","path":"/a","value":{"b":1,"b":2}}]', "fhir.element-twice"),
        (b'[{"op":"spam","path":"/a"}]', "fhir.patch-operation-malformed"),
        (b'[{"op":"add","path":"/a"}]', "fhir.patch-operation-malformed"),
        (b'[{"op":"move","path":"/a"}]', "fhir.patch-operation-malformed"),
        (b'[{"path":"/a","value":1}]', "fhir.patch-operation-malformed"),
        (b'[{"op":"remove","path":7}]', "fhir.patch-operation-malformed"),
        (b'[{"op":"remove","path":null}]', "fhir.patch-operation-malformed"),
        (b'[{"op":"add","path":"/a","value":"\xff"}]', "fhir.json-unreadable"),
    ],
)
def test_what_is_not_a_patch_is_refused(patch: bytes, key: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(patch)
    assert caught.value.issues[0].key == key


def test_a_value_of_null_is_a_value() -> None:
    assert patched({}, {"op": "add", "path": "/a", "value": None}) == {"a": None}


def test_copying_a_document_into_itself_again_and_again_is_stopped() -> None:
    double = [{"op": "copy", "from": "", "path": f"/{n}"} for n in range(60)]
    refusal = refused({"name": "x" * 1000}, *double)
    assert refusal.issues[0].key == "fhir.patch-too-large"


def test_documents_too_deep_to_walk_are_refused() -> None:
    deep: Any = json.loads("[" * 800 + "]" * 800)
    assert refused(deep, {"op": "test", "path": "", "value": deep}).issues[0].key in (
        "fhir.json-too-deep",
        "fhir.patch-operation-malformed",
    )
