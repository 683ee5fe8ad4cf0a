"""Evaluation: arithmetic against Decimal, logic against its tables, elements as FHIR types them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.fhirpath import Value, compile, evaluate
from xinglin.fhir.outcome import Refused

NOW = datetime(2026, 3, 14, 9, 26, 53, 589000, tzinfo=UTC)

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {"use": "official", "family": "Li", "given": ["Ming", None], "_given": [None, {"id": "g"}]},
        {"use": "usual", "given": ["Mingming"]},
    ],
    "birthDate": "1974-12",
    "_birthDate": {
        "extension": [{"url": "http://x/time", "valueDateTime": "1974-12-25T14:35:45Z"}]
    },
    "multipleBirthInteger": 2,
    "generalPractitioner": [{"reference": "#gp"}, {"reference": "Practitioner/2"}],
    "contained": [
        {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Sun"}]},
        {"resourceType": "Organization", "id": "o", "partOf": {"reference": "#gp"}},
    ],
    "contact": [{"name": {"family": "Wang"}, "gender": "female"}],
}


def values(expression: str, resource: Any = PATIENT, **given: Any) -> list[Any]:
    return [value.json for value in evaluate(expression, resource, now=NOW, **given)]


decimals = st.decimals(-(10**6), 10**6, places=3)
whole = st.integers(-(10**4), 10**4)


@given(decimals, decimals, st.sampled_from("+-*"))
def test_decimals_are_exact(left: Decimal, right: Decimal, sign: str) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert values(f"({left:f}) {sign} ({right:f})") == [expected]


@given(whole, whole.filter(bool))
def test_whole_division_and_rest_make_the_dividend(left: int, right: int) -> None:
    [quotient], [rest] = values(f"({left}) div ({right})"), values(f"({left}) mod ({right})")
    assert quotient * right + rest == left
    assert abs(rest) < abs(right)


@given(decimals, decimals)
def test_order_is_that_of_decimals(left: Decimal, right: Decimal) -> None:
    for sign, expected in [("<", left < right), (">=", left >= right), ("=", left == right)]:
        assert values(f"({left:f}) {sign} ({right:f})") == [expected]


@pytest.mark.parametrize("expression", ["1 / 0", "1 div 0", "5.5 mod 0", "2147483647 + 1"])
@pytest.mark.parametrize("wrap", ["({0})", "({0}) + 1", "-({0})"])
def test_what_has_no_number_is_empty(expression: str, wrap: str) -> None:
    assert values(wrap.format(expression)) == []


TRUTH = {"true": True, "false": False, "{}": None}


@pytest.mark.parametrize("left", TRUTH)
@pytest.mark.parametrize("right", TRUTH)
def test_logic_has_three_values(left: str, right: str) -> None:
    """An unknown operand is known not to matter where both its values give one answer."""
    tables: dict[str, Callable[[Any, Any], Any]] = {
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "xor": lambda a, b: a != b,
        "implies": lambda a, b: not a or b,
    }
    for sign, table in tables.items():
        possible = {
            table(a, b)
            for a in ([True, False] if TRUTH[left] is None else [TRUTH[left]])
            for b in ([True, False] if TRUTH[right] is None else [TRUTH[right]])
        }
        assert values(f"{left} {sign} {right}") == (list(possible) if len(possible) == 1 else [])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("birthDate", Value("FHIR.date", "1974-12")),
        ("active", Value("FHIR.boolean", json=True)),
        ("multipleBirth", Value("FHIR.integer", 2)),
        ("contact.gender", Value("FHIR.code", "female")),
        ("contact.name", Value("FHIR.HumanName", {"family": "Wang"})),
        ("birthDate.extension.value", Value("FHIR.dateTime", "1974-12-25T14:35:45Z")),
        ("birthDate.extension('http://x/time').url", Value("FHIR.uri", "http://x/time")),
        ("name.given[1].id", Value("FHIR.string", "g")),
        ("name.given.count()", Value("System.Integer", 3)),
        ("name.given.select(hasValue()).allTrue()", Value("System.Boolean", json=False)),
        ("1.50", Value("System.Decimal", Decimal("1.50"))),
        ("today()", Value("System.Date", "2026-03-14")),
        ("timeOfDay()", Value("System.Time", "09:26:53.589")),
        ("now()", Value("System.DateTime", "2026-03-14T09:26:53.589Z")),
        ("contact.type().name", Value("System.String", "Patient.contact")),
        ("2 weeks", Value("System.Quantity", {"value": 2, "unit": "week"})),
        ("generalPractitioner.resolve().name.family", Value("FHIR.string", "Sun")),
        ("contained.partOf.resolve().id", Value("FHIR.id", "gp")),
    ],
)
def test_a_result_carries_its_type(expression: str, expected: Value) -> None:
    assert evaluate(expression, PATIENT, now=NOW) == [expected]


def test_references_are_resolved_in_the_bundle_and_by_the_caller() -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "a"}},
        {"resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}},
        {"resource": {"resourceType": "Observation", "subject": {"reference": "Patient/a"}}},
    ]
    bundle = {"resourceType": "Bundle", "entry": entries}
    path = "Bundle.entry.resource.ofType(Observation).subject.resolve().id"
    assert values(path, bundle) == ["a", "a"]

    asked: list[str] = []

    def resolver(reference: str) -> Any:
        asked.append(reference)
        return {"resourceType": "Practitioner", "id": "2"}

    assert values("generalPractitioner[1].resolve().id", resolver=resolver) == ["2"]
    assert asked == ["Practitioner/2"]


def test_an_element_is_a_context_with_its_type() -> None:
    invariant = compile("name.exists() or telecom.exists()")
    found = invariant(PATIENT["contact"][0], type="Patient.contact", resource=PATIENT)
    assert found == [Value("System.Boolean", json=True)]
    [name] = compile("%resource.name.first().family")({}, type="HumanName", resource=PATIENT)
    assert name.json == "Li"


def test_variables_are_what_the_caller_says() -> None:
    given = {"limit": 2, "other": PATIENT, "when": Value("FHIR.date", "1974-12")}
    assert values("name.given.take(%limit)", variables=given) == ["Ming", None]
    assert values("%other.name.family = name.family", variables=given) == [True]
    assert values("birthDate = %when", variables=given) == [True]


def test_what_is_defined_is_seen_further_on_and_not_elsewhere() -> None:
    assert values("defineVariable('n', name.given).select(%n.count())") == [3]
    with pytest.raises(Refused):
        values("(defineVariable('n', 1) | 2) | %n")
    with pytest.raises(Refused):
        values("defineVariable('n').defineVariable('n')")


def test_a_trace_is_heard() -> None:
    heard: list[tuple[str, list[Value]]] = []
    compile("name.family.trace('who')")(
        PATIENT, trace=lambda name, seen: heard.append((name, seen))
    )
    assert heard == [("who", [Value("FHIR.string", "Li")])]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 'kg' = 1000 'g'", [True]),
        ("1 'kg' > 1 'm'", []),
        ("1 year = 12 months", [True]),
        ("1 year = 1 'a'", []),
        ("1 year ~ 1 'a'", [True]),
        ("3 'h' + 30 'min' = 3.5 'h'", [True]),
        ("10 'mg' / 2 'mL' = 5 'g/L'", [True]),
        ("1 'kg'.toQuantity('g').value", None),
        ("@2020-01-31 + 1 month", ["2020-02-29"]),
        ("'a,b'.split(',').join(';')", ["a;b"]),
        ("'abc'.replaceMatches('(b)', '<$1>')", ["a<b>c"]),
        ("'<a>'.escape('html').unescape('html')", ["<a>"]),
        ("'é'.encode('hex')", ["c3a9"]),
        ("1.587.lowBoundary(2) | 1.587.highBoundary(2)", [Decimal("1.58"), Decimal("1.59")]),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("name.where($index = 1).given", ["Mingming"]),
        ("name.sort(-use.length()).given.first()", ["Ming"]),
        ("Observation.status | Patient.id", ["p1"]),
    ],
)
def test_examples(expression: str, expected: list[Any] | None) -> None:
    if expected is None:
        with pytest.raises(Refused):
            values(expression)
    else:
        assert values(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "nam",
        "name.giver",
        "contact.name.use.foo",
        "birthDatum",
        "Observation.status",
        "value",
        "1.a",
        "name.startsWith('a')",
        "children().first()",
        "descendants()[0]",
        "name.foo()",
        "where()",
        "name.ofType(foo)",
        "name is foo",
        "name.as(HumanName)",
        "first(1)",
        "name.given > 1",
        "%foo",
        "'a'.matches('[')",
        "memberOf('x')",
        "slice('a', 'b')",
        "elementDefinition()",
        "-true",
        "true + 1",
        "name.single()",
        "@2020-01-01 + 1 'mo'",
        "@T10:00 + 1 day",
        "1 < 'a'",
        "conformsTo('http://x')",
        "'x'.unescape('json') = '\\\\ud800'.unescape('json')",
        "contact.birthDate",
        "'a'.decode('hex')",
        "birthDate.lowBoundary('a')",
        "is(1)",
    ],
)
def test_what_has_no_meaning_is_refused(expression: str) -> None:
    with pytest.raises(Refused):
        values(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "(1 | 2).repeat($this + 1)",
        "'a'" + ".select($this & $this)" * 40,
        "name" + ".combine(%resource.name)" * 3 + ".select(%resource.name.given)" * 10,
        "'" + "a" * 9_000 + "'.replace('', '" + "b" * 9_000 + "')",
        "'" + "a" * 9_000 + "'.replaceMatches('a', '" + "b" * 9_000 + "')",
    ],
)
def test_endless_work_is_refused(expression: str) -> None:
    with pytest.raises(Refused) as refusal:
        values(expression)
    assert refusal.value.issues[0].code == "too-costly"


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    assert values(f"'{'a' * 10_000}!'.matches('^(a+)+$')") == [False]


@pytest.mark.parametrize(
    "resource",
    [
        5,
        "a",
        [],
        {},
        {"resourceType": "Foo"},
        {"resourceType": ["Patient"]},
        {"name": []},
        {"resourceType": "Patient", "name": "a", "birthDate": {"a": 1}, "contact": [1, [2]]},
        {"resourceType": "Patient", "contained": [5, {"resourceType": "Foo"}], "name": [None]},
    ],
)
@pytest.mark.parametrize(
    "expression",
    [
        "name.given",
        "birthDate + 1 day",
        "contact.name",
        "descendants().count()",
        "contained.id",
        "children().children().type().name",
        "name = contact",
        "name ~ contact",
        "name.distinct()",
    ],
)
def test_a_malformed_resource_is_no_crash(resource: Any, expression: str) -> None:
    try:
        evaluate(expression, resource)
    except Refused as refusal:
        assert refusal.issues


def test_the_clock_is_an_argument() -> None:
    with pytest.raises(Refused):
        evaluate("now()", None)
