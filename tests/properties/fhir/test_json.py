"""JSON at the border: what is good stays as it is, what is bad is refused with its place."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.json import MAX_DEPTH, compact, dump_exact, parse_exact
from xinglin.fhir.outcome import Refused

TEXT = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32))
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


def _refusal(data: bytes, **options: int) -> Refused:
    with pytest.raises(Refused) as refusal:
        compact(data, **options)
    return refusal.value


@given(DOCUMENTS, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_only_white_space_between_tokens_goes(
    document: Any, indent: int | str | None, ascii_only: bool
) -> None:
    written = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    bare = json.dumps(document, separators=(",", ":"), ensure_ascii=ascii_only)
    try:
        assert compact(written.encode()) == bare.encode()
    except Refused as refused:
        assert "forbidden" in refused.issues[0].key
        assert any(f"\\u{ord(c):04x}" in bare for c in map(chr, range(32)))


@pytest.mark.parametrize(
    "kept",
    [
        "1.10",
        "1e3",
        "1E+3",
        "-0",
        "0.00",
        "1" * 400,
        r'"\u0041\/\n"',
        '"\u4e2d"',
        r'"\ud83d\ude00"',
    ],
)
def test_numbers_and_strings_keep_their_spelling(kept: str) -> None:
    assert compact(f' {{ "a" : [ {kept} ] }} '.encode()) == f'{{"a":[{kept}]}}'.encode()


def test_a_byte_order_mark_is_ignored() -> None:
    assert compact(b"\xef\xbb\xbf{ }") == b"{}"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "{",
        '{"a":1,}',
        '{"a":01}',
        '{"a":1.}',
        "{'a':1}",
        '{"a":NaN}',
        "{} x",
        '{"a":+1}',
        '{"a" 1}',
        '{"a":"\x01"}',
        r'{"a":"\x"}',
        r'{"a":"\u12"}',
        "// c\n{}",
    ],
)
def test_what_is_not_json_is_refused(bad: str) -> None:
    assert _refusal(bad.encode()).issues[0].key == "fhir.json-malformed"


def test_a_refusal_names_line_and_column() -> None:
    assert _refusal('{"中": "é",\n  "ü": x}'.encode()).issues[0].given == {"line": 2, "column": 8}


@pytest.mark.parametrize(
    "bad", [b'{"a":"\xff"}', b'{"\xc3":1}', b'{"a":"\xed\xa0\x80"}', b"\xff\xfe{\x00}\x00"]
)
def test_broken_utf_8_is_refused_wherever_it_stands(bad: bytes) -> None:
    assert _refusal(bad).issues[0].key == "fhir.json-not-utf-8"


@pytest.mark.parametrize(
    "escape",
    [r"\u0000", r"\u001f", r"\b", r"\f", r"\ud800", r"\udc00", r"\ud800\u0041", r"\\\u0000"],
)
def test_characters_that_fhir_forbids_are_refused(escape: str) -> None:
    assert (
        _refusal(f'{{"a":"x{escape}y"}}'.encode()).issues[0].key == "fhir.json-forbidden-character"
    )


@pytest.mark.parametrize("escape", [r"\\u0000", r"\\b", r"\u0009", r"\t", r"\u00e9"])
def test_what_only_looks_forbidden_is_kept(escape: str) -> None:
    data = f'{{"a":"x{escape}y"}}'.encode()
    assert compact(data) == data


@given(st.integers(1, 60), st.integers(1, 60), st.lists(st.sampled_from("[]"), max_size=200))
def test_depth_is_counted_exactly_and_brackets_in_strings_do_not_count(
    depth: int, limit: int, brackets: list[str]
) -> None:
    text = "".join(brackets)
    data = f'["{text}\\"{text}",' * (depth - 1) + f'{{"{text}":1}}' + "]" * (depth - 1)
    if depth <= limit:
        assert compact(data.encode(), max_depth=limit) == data.encode()
    else:
        assert _refusal(data.encode(), max_depth=limit).issues[0].key == "fhir.json-too-deep"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 10_000, 1_000_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_the_deepest_input_is_refused_and_nothing_else_happens(
    depth: int, pair: tuple[str, str]
) -> None:
    start, end = pair
    whole = (start * depth + "1" + end * depth).encode()
    assert _refusal(whole).issues[0].key == "fhir.json-too-deep"
    assert _refusal((start * depth).encode()).issues[0].key in {
        "fhir.json-too-deep",
        "fhir.json-malformed",
    }


def test_a_number_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(Refused):
        parse_exact(b"1e99999999999999999999")


@given(DOCUMENTS)
def test_what_is_read_exactly_is_written_the_same(document: Any) -> None:
    read = parse_exact(json.dumps(document).encode())
    assert parse_exact(dump_exact(read)) == read


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ('{"a":1,"a":2}', "a"),
        ('{"b":[{"c":1},{"a":1,"x":{},"a":1}]}', "b[1].a"),
        ('[{"a":"1","a":"2"}]', "[0].a"),
        (r'{"a":"\u0022\u0022","b":1,"b":2}', "b"),
        (r'{"a":1,"\u0061":2}', "a"),
        ('{"姓":1,"姓":{"姓":1}}', "姓"),
    ],
)
def test_a_member_given_twice_is_not_lost_but_refused(document: str, place: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_exact(document.encode())
    [issue] = caught.value.issues
    assert (issue.key, issue.at) == ("fhir.element-twice", place)


@given(DOCUMENTS, st.booleans())
def test_what_is_given_once_is_read(document: Any, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    expected = json.loads(text, parse_float=Decimal)
    assert parse_exact(text.encode()) == expected
    escaped = re.sub(r"\\(.)", lambda e: "\\u0022" if e[1] == '"' else e[0], text)
    assert parse_exact(escaped.encode()) == expected
