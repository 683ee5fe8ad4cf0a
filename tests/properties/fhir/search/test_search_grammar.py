"""From the parameters of a request to the tree of a search."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.grammar import Limits, Search, parse
from xinglin.fhir.search.parameters import Parameter, standard
from xinglin.fhir.search.tree import (
    And,
    Chain,
    Composite,
    Date,
    Everything,
    Has,
    Ids,
    Include,
    InList,
    LastUpdated,
    Missing,
    Node,
    Not,
    Nothing,
    Number,
    Or,
    Quantity,
    Reference,
    String,
    Token,
    Uri,
)
from xinglin.fhir.search.values import number_bounds, split, unescape

REGISTRY = standard()
BASE = "http://127.0.0.1:8080/fhir"
NOW = 1_600_000_000_000
UCUM = "http://unitsofmeasure.org"
DAY = 86_400_000


def search(
    types: str, *pairs: tuple[str, str], strict: bool = True, limits: Limits | None = None
) -> Search:
    names = tuple(types.split(",")) if types else ()
    given = {"limits": limits} if limits else {}
    return parse(REGISTRY, names, pairs, strict=strict, base=BASE, now_ms=NOW, **given)


def where(types: str, name: str, value: str) -> Node:
    return search(types, (name, value)).query.where


def refusal(types: str, *pairs: tuple[str, str]) -> Issue:
    with pytest.raises(Refused) as refused:
        search(types, *pairs)
    return refused.value.issues[0]


def p(name: str) -> Parameter:
    resource, code = name.split(".")
    return REGISTRY.by_type[resource][code]


# Values

CODE = p("Observation.code")
STATUS = p("Observation.status")


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("a", Token(CODE, None, "a")),
        ("s|a", Token(CODE, "s", "a")),
        ("|a", Token(CODE, "", "a")),
        ("s|", Token(CODE, "s", None)),
        (r"a\,b", Token(CODE, None, "a,b")),
        (r"a\|b", Token(CODE, None, "a|b")),
        (r"a\$b\\c", Token(CODE, None, r"a$b\c")),
        ("a,s|b", Or((Token(CODE, None, "a"), Token(CODE, "s", "b")))),
        ("a,a", Token(CODE, None, "a")),
        ("a b", Token(CODE, None, "a b")),
    ],
)
def test_tokens(value: str, node: Node) -> None:
    assert where("Observation", "code", value) == node


@pytest.mark.parametrize("value", ["final", "http://x|final", "|final"])
def test_the_system_of_a_code_is_implied(value: str) -> None:
    assert where("Observation", "status", value) == Token(STATUS, None, "final")


@pytest.mark.parametrize(
    ("name", "value", "mode", "text"),
    [
        ("family", "Wáng", "starts", "Wáng"),
        ("family:contains", "an", "contains", "an"),
        ("family:exact", "Wang ", "exact", "Wang "),
        ("family", "eve", "starts", "eve"),
        ("family", "ge5", "starts", "ge5"),
    ],
)
def test_strings(name: str, value: str, mode: Any, text: str) -> None:
    assert where("Patient", name, value) == String(p("Patient.family"), mode, text)


@pytest.mark.parametrize(
    ("name", "value", "mode", "uri"),
    [
        ("url", "http://a/b", "exact", "http://a/b"),
        ("url", "urn:oid:1.2", "exact", "urn:oid:1.2"),
        ("url:below", "http://a/", "below", "http://a"),
        ("url:above", "http://a/b", "above", "http://a/b"),
    ],
)
def test_uris(name: str, value: str, mode: Any, uri: str) -> None:
    assert where("ValueSet", name, value) == Uri(p("ValueSet.url"), mode, uri)


SUBJECT = p("Observation.subject")


@pytest.mark.parametrize(
    ("name", "value", "node"),
    [
        ("subject", "Patient/1", Reference(SUBJECT, "Patient", "1")),
        ("subject", "Patient/1/_history/2", Reference(SUBJECT, "Patient", "1")),
        ("subject", f"{BASE}/Patient/1", Reference(SUBJECT, "Patient", "1")),
        ("subject", "http://x/fhir/Patient/1", Uri(SUBJECT, "exact", "http://x/fhir/Patient/1")),
        ("subject:Patient", "1", Reference(SUBJECT, "Patient", "1")),
        ("subject:Patient", "Patient/1", Reference(SUBJECT, "Patient", "1")),
        ("subject:Patient", "Group/1", Nothing()),
        ("patient", "1", Reference(p("Observation.patient"), "Patient", "1")),
        ("patient", "Group/1", Nothing()),
        ("subject", "Medication/1", Nothing()),  # nothing can refer to it as a subject
        (
            "subject",
            "1",
            Or(
                tuple(
                    Reference(SUBJECT, each, "1")
                    for each in ("Group", "Device", "Patient", "Location")
                )
            ),
        ),
    ],
)
def test_references(name: str, value: str, node: Node) -> None:
    found = where("Observation", name, value)
    if isinstance(found, Or) and isinstance(node, Or):
        assert set(found.nodes) == set(node.nodes)
    else:
        assert found == node


def test_variants() -> None:
    variant = SUBJECT.identifier
    assert variant is not None
    assert where("Observation", "subject:identifier", "s|7") == Token(variant, "s", "7")
    text = CODE.text
    assert text is not None
    assert where("Observation", "code:text", "heart") == String(text, "starts", "heart")
    identifier = p("Patient.identifier").of_type
    assert identifier is not None
    assert where("Patient", "identifier:of-type", "s|MR|7") == Token(identifier, "s", "MR|7")


@pytest.mark.parametrize(
    ("value", "prefix", "low", "high"),
    [
        ("1970", "eq", 0, 365 * DAY - 1),
        ("ge1970-01-02", "ge", DAY, 2 * DAY - 1),
        ("lt1970-01-01T00:00:01Z", "lt", 1000, 1999),
        ("sa1970-01-01T00:01+00:00", "sa", 60_000, 119_999),
        ("eb1970-01-01T08:00:00.5 08:00", "eb", 500, 599),
        ("ne1969-12", "ne", -31 * DAY, -1),
        ("ap1970-01-01", "ap", -NOW // 10, DAY - 1 + NOW // 10),
    ],
)
def test_dates(value: str, prefix: Any, low: int, high: int) -> None:
    date = p("Observation.date")
    assert where("Observation", "date", value) == Date(date, prefix, low, high)
    assert where("Observation", "_lastUpdated", value) == LastUpdated(prefix, low, high)


def test_about_now_is_as_wide_as_its_precision() -> None:
    found = where("Observation", "date", "ap2020-09-13")
    assert isinstance(found, Date)
    assert found.high - found.low == 3 * DAY - 1


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("1e2", "50", "150"),
        ("5.40", "5.395", "5.405"),
        ("-5", "-5.5", "-4.5"),
        ("0", "-0.5", "0.5"),
        ("ap100", "90", "110"),
        ("ap-100", "-110", "-90"),
        ("ap0", "-0.5", "0.5"),
        ("5.4e-3", "0.00535", "0.00545"),
    ],
)
def test_numbers(value: str, low: str, high: str) -> None:
    found = where("RiskAssessment", "probability", value)
    assert isinstance(found, Number)
    assert (found.low, found.high) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    ("value", "prefix", "system", "code"),
    [
        ("5.4", "eq", None, None),
        (f"gt5.4|{UCUM}|mg", "gt", UCUM, "mg"),
        ("le5.4||mg", "le", None, "mg"),
        ("5.4||", "eq", None, None),
    ],
)
def test_quantities(value: str, prefix: Any, system: str | None, code: str | None) -> None:
    found = where("Observation", "value-quantity", value)
    low, high = Decimal("5.35"), Decimal("5.45")
    parameter = p("Observation.value-quantity")
    assert found == Quantity(parameter, prefix, Decimal("5.4"), low, high, system, code)


def test_composites() -> None:
    parameter = p("Observation.code-value-quantity")
    code, quantity = parameter.components
    found = where("Observation", parameter.code, f"s|a$lt5|{UCUM}|mg,b$5")
    assert isinstance(found, Or)
    [first, second] = found.nodes
    assert isinstance(first, Composite)
    assert first.parts[0] == Token(code, "s", "a")
    assert first.parts[1] == Quantity(
        quantity, "lt", Decimal(5), Decimal("4.5"), Decimal("5.5"), UCUM, "mg"
    )
    assert isinstance(second, Composite)
    assert second.parts[0] == Token(code, None, "b")


# Criteria


def test_repetition_is_and_comma_is_or() -> None:
    found = search("Patient", ("given", "a,b"), ("given", "c")).query.where
    given_ = p("Patient.given")
    either = Or((String(given_, "starts", "a"), String(given_, "starts", "b")))
    assert found == And((either, String(given_, "starts", "c")))


def test_without_criteria_everything_is_found() -> None:
    assert search("Patient").query.where == Everything()


def test_not_and_missing() -> None:
    male = Token(p("Patient.gender"), None, "male")
    female = Token(p("Patient.gender"), None, "female")
    assert where("Patient", "gender:not", "male") == Not(male)
    assert where("Patient", "gender:not", "male,female") == Not(Or((male, female)))
    assert where("Patient", "gender:missing", "true") == Missing(p("Patient.gender"), missing=True)
    assert where("Patient", "_id:missing", "true") == Nothing()
    assert where("Patient", "_lastUpdated:missing", "false") == Everything()


def test_ids_and_lists() -> None:
    assert where("Patient", "_id", "a,b,a") == Ids(("a", "b"))
    assert where("Patient", "_id:not", "a") == Not(Ids(("a",)))
    assert where("Patient", "_list", "1,List/2") == Or((InList("1"), InList("2")))


def test_chains() -> None:
    name = String(p("Patient.name"), "starts", "x")
    assert where("Observation", "subject:Patient.name", "x") == Chain(SUBJECT, "Patient", name)
    found = where("Observation", "subject.name", "x")
    location = Chain(SUBJECT, "Location", String(p("Location.name"), "starts", "x"))
    assert isinstance(found, Or)
    assert set(found.nodes) == {Chain(SUBJECT, "Patient", name), location}


def test_chains_of_several_links() -> None:
    found = where("Observation", "patient.general-practitioner:Practitioner.name:exact", "x")
    practitioner = String(p("Practitioner.name"), "exact", "x")
    link = Chain(p("Patient.general-practitioner"), "Practitioner", practitioner)
    assert found == Chain(p("Observation.patient"), "Patient", link)


def test_reverse_chains() -> None:
    code = Token(CODE, None, "x")
    patient = p("Observation.patient")
    assert where("Patient", "_has:Observation:patient:code", "x") == Has(patient, code)
    nested = "_has:Observation:patient:_has:AuditEvent:entity:agent"
    found = where("Patient", nested, "Practitioner/1")
    agent = Reference(p("AuditEvent.agent"), "Practitioner", "1")
    assert found == Has(patient, Has(p("AuditEvent.entity"), agent))


def test_chains_and_reverse_chains_mix() -> None:
    found = where("Observation", "patient._has:Group:member:_id", "9")
    group = Has(p("Group.member"), Ids(("9",)))
    assert found == Chain(p("Observation.patient"), "Patient", group)
    found = where("Patient", "_has:Observation:patient:device:Device.identifier:missing", "true")
    missing = Missing(p("Device.identifier"), missing=True)
    device = Chain(p("Observation.device"), "Device", missing)
    assert found == Has(p("Observation.patient"), device)


def test_a_search_of_several_types_needs_what_all_have() -> None:
    found = where("Patient,Practitioner", "name", "x")
    assert found == String(p("Patient.name"), "starts", "x")
    assert refusal("Patient,Practitioner", ("birthdate", "2020")).at == "birthdate"
    assert where("", "_tag", "x") == Token(p("Account._tag"), None, "x")
    assert search("", ("_type", "Patient,Group"), ("_id", "1")).query.types == ("Patient", "Group")


# Controls


def test_controls() -> None:
    query = search(
        "Patient",
        ("_sort", "-birthdate,family,_id"),
        ("_count", "5"),
        ("_total", "accurate"),
        ("_summary", "data"),
        ("_elements", "name,birthDate"),
        ("_contained", "false"),
        ("_format", "json"),
    )
    keys = [(key.parameter.code, key.descending) for key in query.query.sort]
    assert keys == [("birthdate", True), ("family", False), ("_id", False)]
    assert (query.query.count, query.query.total) == (5, "accurate")
    assert (query.summary, query.elements) == ("data", ("name", "birthDate"))
    assert ("_format", "json") not in query.used
    assert ("_count", "5") in query.used


@pytest.mark.parametrize(("count", "page"), [("1000", 1000), ("5000", 1000), ("0", 0)])
def test_count_is_limited(count: str, page: int) -> None:
    found = search("Patient", ("_count", count))
    assert found.query.count == page
    assert (found.summary == "count") == (count == "0")


@pytest.mark.parametrize(
    ("name", "value", "source", "code", "target"),
    [
        ("_include", "Observation:subject", "Observation", "subject", None),
        ("_include:iterate", "Observation:subject:Patient", "Observation", "subject", "Patient"),
        ("_include:recurse", "Observation:*", "Observation", None, None),
        ("_include", "*", "Observation", None, None),
        ("_revinclude", "Provenance:target", "Provenance", "target", None),
        ("_revinclude:iterate", "Provenance:*:Patient", "Provenance", None, "Patient"),
    ],
)
def test_includes(name: str, value: str, source: str, code: str | None, target: str | None) -> None:
    parameter = REGISTRY.by_type[source][code] if code else None
    iterate, reverse = ":" in name, name.startswith("_rev")
    expected = Include(source, parameter, target, iterate, reverse)
    assert search("Observation", (name, value)).query.includes == (expected,)


# Refusals


@pytest.mark.parametrize(
    ("types", "name", "value", "code"),
    [
        ("Patient", "dragon", "1", "not-supported"),
        ("Patient", "", "1", "not-supported"),
        ("Patient", ".", "1", "not-supported"),
        ("Patient", "name", "", "value"),
        ("Patient", "name", ",", "value"),
        ("Patient", "name", "   ", "value"),
        ("Patient", "name:like", "x", "invalid"),
        ("Patient", "name:", "x", "invalid"),
        ("Patient", "name:not", "x", "invalid"),
        ("Patient", "name:Patient", "x", "invalid"),
        ("Patient", "gender:in", "x", "not-supported"),
        ("Patient", "gender:above", "x", "not-supported"),
        ("Patient", "gender:missing", "yes", "value"),
        ("Patient", "active", "yes", "value"),
        ("Patient", "birthdate", "20-1", "value"),
        ("Patient", "birthdate", "2021-02-29", "value"),
        ("Patient", "birthdate", "gele2021", "value"),
        ("Patient", "birthdate", "ge", "value"),
        ("Patient", "birthdate:exact", "2021", "invalid"),
        ("Patient", "_lastUpdated", "yesterday", "value"),
        ("Patient", "_lastUpdated:exact", "2021", "invalid"),
        ("Patient", "_id", "", "value"),
        ("Patient", "_id:exact", "1", "invalid"),
        ("Patient", "_list", "$current-problems", "not-supported"),
        ("Patient", "_list", "a/b", "value"),
        ("Patient", "identifier", "a|b|c", "value"),
        ("Patient", "identifier", "|", "value"),
        ("Patient", "identifier:of-type", "a|b", "value"),
        ("Patient", "identifier:of-type", "a||c", "value"),
        ("Patient", "name.family", "x", "invalid"),
        ("Patient", "organization.dragon", "x", "not-supported"),
        ("Patient", "organization:Patient.name", "x", "invalid"),
        ("Patient", "general-practitioner", "a b", "value"),
        ("Patient", "general-practitioner", "#x", "value"),
        ("Patient", "_has:Observation:patient", "x", "invalid"),
        ("Patient", "_has:Dragon:patient:code", "x", "value"),
        ("Patient", "_has:Observation:code:code", "x", "invalid"),
        ("Patient", "_has:Observation:patient:dragon", "x", "not-supported"),
        ("Patient", "_sort", "dragon", "not-supported"),
        ("Patient", "_sort", "name,-name", "invalid"),
        ("Patient", "_sort", "", "not-supported"),
        ("Patient,Group", "_sort", "name", "not-supported"),
        ("Patient", "_count", "-1", "value"),
        ("Patient", "_count", "many", "value"),
        ("Patient", "_count", "١", "value"),
        ("Patient", "_total", "yes", "value"),
        ("Patient", "_summary", "yes", "value"),
        ("Patient", "_elements", "name,", "value"),
        ("Patient", "_include", "Patient", "value"),
        ("Patient", "_include", "Dragon:x", "value"),
        ("Patient", "_include", "Patient:name", "invalid"),
        ("Patient", "_include", "Patient:dragon", "not-supported"),
        ("Patient", "_include", "Patient:organization:Dragon", "value"),
        ("Patient", "_include:all", "Patient:organization", "invalid"),
        ("Patient", "_revinclude", "*", "value"),
        ("Patient", "_type", "Observation", "value"),
        ("", "_type", "Dragon", "value"),
        ("Patient", "_contained", "true", "not-supported"),
        ("Patient", "_filter", "name eq x", "not-supported"),
        ("Patient", "_text", "x", "not-supported"),
        ("RiskAssessment", "probability", "many", "value"),
        ("RiskAssessment", "probability", "1e999", "value"),
        ("RiskAssessment", "probability", "gtlt1", "value"),
        ("RiskAssessment", "probability", "Infinity", "value"),
        ("Observation", "value-quantity", "5|mg", "value"),
        ("Observation", "value-quantity", f"5|{UCUM}|", "value"),
        ("Observation", "value-quantity", "much|s|c", "value"),
        ("Observation", "code-value-quantity", "a", "value"),
        ("Observation", "code-value-quantity", "a$5$6", "value"),
        ("Observation", "code-value-quantity", "$5", "value"),
        ("Observation", "code-value-quantity:exact", "a$5", "invalid"),
        ("Location", "near", "1|2", "not-supported"),
    ],
)
def test_what_is_wrong_is_refused_by_name(types: str, name: str, value: str, code: str) -> None:
    issue = refusal(types, (name, value))
    assert (issue.code, issue.at) == (code, name)


@pytest.mark.parametrize("name", ["_count", "_sort", "_summary", "_total", "_elements", "_type"])
def test_a_control_is_given_once(name: str) -> None:
    value = {"_count": "1", "_sort": "name", "_summary": "true", "_total": "none"}.get(
        name, "Patient" if name == "_type" else "name"
    )
    assert refusal("Patient", (name, value), (name, value)).key == "fhir.search-given-twice"


def test_lenient_handling_leaves_out_what_is_unknown() -> None:
    found = search(
        "Patient",
        ("dragon", "1"),
        ("name", "x"),
        ("organization.dragon", "1"),
        ("_filter", "x"),
        strict=False,
    )
    assert found.query.where == String(p("Patient.name"), "starts", "x")
    assert found.used == (("name", "x"),)
    assert [(each.at, each.severity) for each in found.ignored] == [
        ("dragon", "warning"),
        ("organization.dragon", "warning"),
        ("_filter", "warning"),
    ]


def test_lenient_handling_refuses_what_is_wrong() -> None:
    with pytest.raises(Refused):
        search("Patient", ("birthdate", "soon"), strict=False)


def test_a_search_is_bounded() -> None:
    many = ",".join(str(number) for number in range(50))
    assert refusal("Patient", ("name", "x" * 200_000)).code == "too-long"
    with pytest.raises(Refused, match="too-many-values"):
        search("Patient", ("_id", many), limits=Limits(leaves=40))
    with pytest.raises(Refused, match="too-many-values"):
        search("Patient", ("name", many), limits=Limits(leaves=40))
    chain = "_has:Observation:patient:" + "_has:AuditEvent:entity:" * 20 + "agent"
    assert refusal("Patient", (chain, "x")).code == "too-costly"
    anywhere = ".".join(["subject"] * 7) + ".dragon"  # a Composition may be about anything
    assert refusal("Composition", (anywhere, "x")).code == "too-costly"


# Properties

_NAMES = st.sampled_from(
    [
        *(p.code for p in REGISTRY.by_type["Observation"].values()),
        *("_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total"),
        *("_list", "_has:Observation:subject:code", "subject.name", "_type", "_contained"),
    ]
)
_TAILS = st.sampled_from(
    ["", ":exact", ":not", ":missing", ":Patient", ".name", ":", ".", ":of-type"]
)
_VALUES = st.text(alphabet="ab1e.-,$|\\:/ TZgelst +", max_size=12) | st.text(max_size=12)


@given(st.lists(st.tuples(st.builds("".join, st.tuples(_NAMES, _TAILS)), _VALUES), max_size=4))
def test_any_query_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    for strict in (True, False):
        try:
            found = search("Observation", *pairs, strict=strict)
        except Refused as refused:
            assert refused.issues[0].key.startswith("fhir.search-")
        else:
            assert len(found.used) + len(found.ignored) == len(pairs)


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["", "Patient", "Group,List"]))
def test_any_text_is_understood_or_refused(name: str, value: str, types: str) -> None:
    try:
        assert isinstance(search(types, (name, value)), Search)
    except Refused as refused:
        assert refused.issues[0].at == name


@given(st.lists(st.text(), min_size=1), st.sampled_from(",$|"))
def test_escaped_texts_come_back(texts: list[str], sign: str) -> None:
    def escape(text: str) -> str:
        for each in "\\,$|":
            text = text.replace(each, f"\\{each}")
        return text

    joined = sign.join(escape(text) for text in texts)
    assert [unescape(part) for part in split(joined, sign)] == texts


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20
    )
)
def test_a_number_lies_in_the_middle_of_its_bounds(number: Decimal) -> None:
    bounds = number_bounds(f"{number:f}")
    assert bounds.high - bounds.value == bounds.value - bounds.low
    assert bounds.low < bounds.value < bounds.high
