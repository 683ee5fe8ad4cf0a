"""What is written is what is read; what cannot be read is refused at its place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath import parse
from xinglin.fhir.fhirpath.tree import (
    Binary,
    Call,
    Empty,
    External,
    Index,
    Literal,
    Member,
    Node,
    QuantityLiteral,
    TypeTest,
    Unary,
    Variable,
)
from xinglin.fhir.outcome import Refused

OPERATORS = ["implies", "or", "xor", "and", "in", "contains", "=", "~", "!=", "!~", "<=", "<", ">"]
OPERATORS += [">=", "|", "+", "-", "&", "*", "/", "div", "mod"]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def printed(node: Node) -> str:
    """With all parentheses."""
    match node:
        case Literal():
            return printed_literal(node.value)
        case Empty():
            return "{}"
        case Variable():
            return node.name
        case External():
            return f"%'{escaped(node.name)}'"
        case Unary():
            return f"({node.operator}{printed(node.operand)})"
        case Binary():
            return f"({printed(node.left)} {node.operator} {printed(node.right)})"
        case TypeTest():
            return f"({printed(node.operand)} {node.operator} {node.type})"
    return printed_step(node)


def printed_step(node: Member | Call | Index) -> str:
    if isinstance(node, Index):
        return f"{printed(node.source)}[{printed(node.index)}]"
    step = f"`{node.name}`"
    if isinstance(node, Call):
        step = f"{node.name}({', '.join(map(printed, node.arguments))})"
    return step if node.source is None else f"{printed(node.source)}.{step}"


def printed_literal(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"'{escaped(value)}'"
        case Decimal():
            return f"{value:f}"
        case QuantityLiteral():
            unit = value.unit if value.calendar else f"'{escaped(value.unit)}'"
            return f"{value.value:f} {unit}"
        case Date():
            return f"@{value}"
        case DateTime():
            return f"@{value}T"  # only those without a time are made below
        case Time():
            return f"@T{value}"
    return str(value)


literals = st.one_of(
    st.booleans(),
    st.integers(0, 10**12),
    st.decimals(0, 10**9, places=3),
    texts,
    st.builds(Date, st.integers(1, 9999), st.integers(1, 12), st.integers(1, 28)),
    st.builds(DateTime, st.integers(1, 9999)),
    st.builds(Time, st.integers(0, 23), st.integers(0, 59)),
    st.builds(QuantityLiteral, st.decimals(0, 999, places=1), st.just("mg"), st.just(value=False)),
    st.builds(QuantityLiteral, st.decimals(0, 999, places=1), st.just("week"), st.just(value=True)),
).map(Literal)
leaves = st.one_of(
    literals,
    st.just(Empty()),
    st.sampled_from(["$this", "$index", "$total"]).map(Variable),
    texts.filter(bool).map(External),
    st.sampled_from(["name", "a b", "div", "is"]).map(lambda name: Member(None, name)),
)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Binary, st.sampled_from(OPERATORS), inner, inner),
        st.builds(Unary, st.sampled_from("+-"), inner),
        st.builds(TypeTest, st.sampled_from(["is", "as"]), inner, st.just("FHIR.Patient")),
        st.builds(Index, inner, inner),
        st.builds(Member, inner, st.sampled_from(["given", "contains"])),
        st.builds(Call, inner, st.just("where"), st.tuples(inner)),
    )


@given(st.recursive(leaves, larger, max_leaves=12))
def test_what_is_printed_is_read_again(tree: Node) -> None:
    text = printed(tree)
    assert printed(parse(text)) == text


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("-1.abs()", "(-1.abs())"),
        ("a is B and c", "((`a` is B) and `c`)"),
        ("a | b = c", "((`a` | `b`) = `c`)"),
        ("a or b and c implies d", "((`a` or (`b` and `c`)) implies `d`)"),
        ("a < b = c in d", "(((`a` < `b`) = `c`) in `d`)"),
        ("a + b as Quantity", "((`a` + `b`) as Quantity)"),
        ("4 days + 1 'wk'", "(4 day + 1 'wk')"),
        ("a /* no */ . b // end", "`a`.`b`"),
        ("%`vs-x` & %name", "(%'vs-x' & %'name')"),
        ("a.contains(b) contains is", "(`a`.contains(`b`) contains `is`)"),
        (r"'\u00e9\t\/\'' = ''", "('é\t/\\'' = '')"),
    ],
)
def test_precedence_is_the_specification_s(short: str, full: str) -> None:
    assert printed(parse(short)) == full


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "1:1"),
        ("a.", "1:3"),
        ("a..b", "1:3"),
        ("(a", "1:3"),
        ("a)", "1:2"),
        ("a\n  b", "2:3"),
        ("'a", "1:1"),
        ("a = 'x\\q'", "1:5"),
        ("and", "1:1"),
        ("$that", "1:1"),
        ("@2020-13", "1:1"),
        ("@2021-02-29", "1:1"),
        ("@T25", "1:1"),
        ("1 +", "1:4"),
        ("a b", "1:3"),
        ("/* a", "1:1"),
        ("'\\ud800'", "1:1"),
        ("a ? b", "1:3"),
        ("9" * 100, "1:1"),
        ("a.b(c,)", "1:7"),
        ("{1}", "1:2"),
        ("@T14:34:28+10:00", "1:14"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text: str, place: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(text)
    [issue] = refusal.value.issues
    assert issue.at == place


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a",
        "-" * 10_000 + "1",
        "a" + ".a" * 9_000,
        "1" + "+1" * 9_000,
        "f(" * 9_000,
        "a[" * 9_000,
        "a" + "[0]" * 5_000,
        "/*" * 9_000,
        "'" * 9_001,
        "1" * 30_000,
        "{" * 9_000,
    ],
)
def test_the_hostile_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except Refused as refusal:
        assert refusal.issues
