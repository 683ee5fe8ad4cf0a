"""Bundles: split strictly, and links replaced exactly where FHIR says that links are."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.bundle import Links, aliases, compact, split
from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4 import model

ONE = "urn:uuid:11111111-0000-4000-8000-000000000000"
TWO = "urn:oid:1.2.840"
THREE = "https://example.org/fhir/Patient/3"
TARGETS = {ONE: "Patient/1", TWO: "Observation/2", THREE: "Patient/33", "Patient/3": "Patient/33"}
VALUES = [
    *TARGETS,
    *(f"{key}#part" for key in TARGETS),
    f"{ONE}0",
    f" {TWO}",
    ONE[:-1],
    "urn:uuid:22222222-0000-4000-8000-000000000000",
    "http://loinc.org",
    "Patient/34",
    'a "quoted" \\ text',
    f'"reference":"{ONE}"',
    "姓名",
    "?",
]
# Types with links in many shapes; AuditEvent and CodeSystem also have texts named like links.
TYPES = ["List", "DocumentReference", "CarePlan", "AuditEvent", "CodeSystem", "Composition"]
LINKING = {"uri", "url", "canonical", "oid", "uuid"}
# Names that a type uses for a text too are left alone (`Links.replaced`).
LEFT_ALONE = {"AuditEvent": {"address", "type"}, "CodeSystem": {"definition"}}

values = st.sampled_from(VALUES)


@st.composite
def contents(draw: st.DrawFn, type_name: str, depth: int) -> dict[str, Any]:
    """A random element or resource of a type: the shape is FHIR's, the strings are ours."""
    found: dict[str, Any] = {}
    known = [e for e in model.elements(type_name).values() if _fillable(e, depth)]
    for element in draw(st.lists(st.sampled_from(known), max_size=4)) if known else []:
        name, of_type = element.name, draw(st.sampled_from(element.types))
        if element.choice:
            name += of_type[0].upper() + of_type[1:]
        value: st.SearchStrategy[Any] = contents(of_type, depth - 1)
        if model.is_primitive(of_type):
            # An id and a code of FHIR's own have no colon in them.
            plain = of_type == "id" or bool(element.binding)
            value = st.just("plain") if plain else values
        found[name] = draw(st.lists(value, min_size=1, max_size=3) if element.many else value)
    return found


def _fillable(element: model.Element, depth: int) -> bool:
    return not any(model.is_resource(t) or t == "xhtml" for t in element.types) and (
        depth > 0 or all(model.is_primitive(t) for t in element.types)
    )


@st.composite
def resources(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    type_name = draw(st.sampled_from(TYPES))
    return type_name, draw(contents(type_name, 3))


def walked(value: Any, type_name: str, root: str) -> Any:
    """The slow truth: follows the definitions down to each primitive."""
    known = {
        element.name + (t[0].upper() + t[1:] if element.choice else ""): (element.name, t)
        for element in model.elements(type_name).values()
        for t in element.types
    }

    def one(item: Any, name: str, of_type: str) -> Any:
        if not model.is_primitive(of_type):
            return walked(item, of_type, root)
        is_link = of_type in LINKING or (type_name, name) == ("Reference", "reference")
        return linked(item) if is_link and name not in LEFT_ALONE.get(root, ()) else item

    return {
        key: [one(i, *known[key]) for i in item]
        if isinstance(item, list)
        else one(item, *known[key])
        for key, item in value.items()
    }


def linked(value: str) -> str:
    whole, mark, part = value.partition("#")
    return TARGETS[whole] + mark + part if whole in TARGETS else value


def text(document: Any) -> bytes:
    return compact(json.dumps(document, ensure_ascii=False).encode())


@given(resources())
def test_links_are_replaced_where_the_definitions_say_that_links_are(
    resource: tuple[str, dict[str, Any]],
) -> None:
    type_name, document = resource
    replaced = Links(TARGETS).replaced(text(document), type_name)
    assert json.loads(replaced) == walked(document, type_name, type_name)


@given(resources(), st.booleans(), st.sampled_from([None, 2]))
def test_how_the_json_was_written_makes_no_difference(
    resource: tuple[str, dict[str, Any]], ascii_only: bool, indent: int | None
) -> None:
    type_name, document = resource
    written = json.dumps(document, ensure_ascii=ascii_only, indent=indent).replace("/", "\\/")
    escaped = written.replace(":uuid:", "\\u003auuid\\u003a").encode()
    one = Links(TARGETS).replaced(compact(escaped), type_name)
    other = Links(TARGETS).replaced(text(document), type_name)
    assert json.loads(one) == json.loads(other)


@pytest.mark.parametrize("mark", ['"', "'"])
def test_the_narrative_links_too(mark: str) -> None:
    def narrative(link: str, image: str) -> bytes:
        a, b, c = (f"{mark}{v}{mark}" for v in (link, image, "urn:uuid:unknown"))
        div = f"<div><a href={a}>{ONE}</a><img src = {b}/><a href={c}/><p title={a}/></div>"
        return text({"text": {"div": div.replace(f"title={a}", f"title={mark}{ONE}{mark}")}})

    replaced = Links(TARGETS).replaced(narrative(ONE, f"{TWO}#x"), "Patient")
    assert replaced == narrative("Patient/1", "Observation/2#x")


def test_an_href_outside_the_narrative_is_a_text() -> None:
    body = text({"note": [{"text": f'<a href="{ONE}">'}]})
    assert Links(TARGETS).replaced(body, "Patient") == body


def test_an_identifier_that_looks_like_a_link_stays() -> None:
    body = text({"masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": ONE}})
    assert Links(TARGETS).replaced(body, "DocumentReference") == body


def test_a_link_beside_an_escaped_text_is_replaced() -> None:
    body = text({"meta": {"profile": ['a "b" \\', ONE, "\n", ONE]}})
    linked = text({"meta": {"profile": ['a "b" \\', "Patient/1", "\n", "Patient/1"]}})
    assert Links(TARGETS).replaced(body, "List") == linked


def test_conditional_references_are_asked_for_once_each() -> None:
    asked: list[str] = []

    def find(condition: str) -> str:
        asked.append(condition)
        return f"Practitioner/{len(asked)}"

    links = Links(TARGETS, find)
    name = 'Practitioner?name="x"'
    body = text(
        {"a": [{"reference": name}, {"reference": "Organization?name=y"}, {"display": "?"}]}
    )
    expected = {"a": [{"reference": "Practitioner/1"}, {"reference": "Practitioner/2"}]}
    expected["a"].append({"display": "?"})
    assert json.loads(links.replaced(body, "List")) == expected
    assert json.loads(links.replaced(body, "List")) == expected
    assert asked == [name, "Organization?name=y"]


def test_a_conditional_reference_nobody_finds_is_the_callers_refusal() -> None:
    def find(condition: str) -> str:
        raise LookupError(condition)

    with pytest.raises(LookupError):
        Links({}, find).replaced(b'{"reference":"Practitioner?name=z"}', "List")


def test_a_plain_reference_with_a_question_mark_elsewhere_is_left() -> None:
    body = b'{"reference":"https://example.org/?a=b","display":"Practitioner?name=z"}'
    assert Links({}, lambda _: "Practitioner/1").replaced(body, "List") == body


def test_entries_may_be_referred_to_by_type_and_id() -> None:
    assert aliases(ONE) == [ONE]
    assert aliases(THREE) == [THREE, "Patient/3"]
    assert aliases("https://example.org/patient/3") == ["https://example.org/patient/3"]


BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "id": "b",
    "meta": {"lastUpdated": "2021-01-01T00:00:00Z"},
    "type": "transaction",
    "entry": [
        {
            "fullUrl": ONE,
            "resource": {"resourceType": "Patient", "extension": [{"valueDecimal": 1}]},
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"},
        },
        {"request": {"method": "DELETE", "url": "Patient/1", "ifMatch": 'W/"1"'}},
    ],
}


def test_a_bundle_is_taken_apart() -> None:
    data = json.dumps(BUNDLE, indent=2).replace(": 1\n", ": 1.50\n").encode()
    bundle = split(data, limit=2)
    assert (bundle.type, len(bundle.entries)) == ("transaction", 2)
    first, second = bundle.entries
    assert first.full_url == ONE
    assert first.body == b'{"resourceType":"Patient","extension":[{"valueDecimal":1.50}]}'
    assert first.request is not None
    assert (first.request.method, first.request.url) == ("POST", "Patient")
    assert first.request.if_none_exist == "identifier=1"
    assert second.body is None
    assert second.request is not None
    assert second.request.if_match == 'W/"1"'


def _refusal(data: bytes, limit: int = 10) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        split(data, limit=limit)
    return caught.value.issues[0].key, caught.value.issues[0].at


@pytest.mark.parametrize(
    ("place", "value", "key", "at"),
    [
        ("", {"total": "2"}, "fhir.bundle-value", "Bundle.total"),
        ("", {"type": "hill"}, "fhir.bundle-value", "Bundle.type"),
        ("", {"resourceType": "Patient"}, "fhir.bundle-value", "Bundle.resourceType"),
        ("", {"entries": []}, "fhir.bundle-unknown-element", "Bundle"),
        ("", {"type": None}, "fhir.bundle-value", "Bundle.type"),
        ("entry", {"url": "x"}, "fhir.bundle-unknown-element", "Bundle.entry[1]"),
        ("entry", {"fullUrl": 7}, "fhir.bundle-value", "Bundle.entry[1].fullUrl"),
        ("request", {"method": "get"}, "fhir.bundle-value", "Bundle.entry[1].request.method"),
        ("request", {"if": "x"}, "fhir.bundle-unknown-element", "Bundle.entry[1].request"),
        ("request", {"ifMatch": 1}, "fhir.bundle-value", "Bundle.entry[1].request.ifMatch"),
    ],
)
def test_a_bundle_with_a_fault_is_refused_where_it_is(
    place: str, value: dict[str, Any], key: str, at: str
) -> None:
    document = json.loads(json.dumps(BUNDLE))
    entry = document["entry"][1]
    {"": document, "entry": entry, "request": entry["request"]}[place].update(value)
    assert _refusal(json.dumps(document).encode()) == (key, at)


@pytest.mark.parametrize(("method", "at"), [("url", "Bundle.entry[0].request")])
def test_a_request_says_what_it_wants(method: str, at: str) -> None:
    document = json.loads(json.dumps(BUNDLE))
    del document["entry"][0]["request"][method]
    assert _refusal(json.dumps(document).encode()) == ("fhir.bundle-missing-element", at)


@pytest.mark.parametrize(
    ("once", "twice", "at"),
    [
        ('"type": "transaction"', '"type": "batch", "type": "transaction"', "Bundle.type"),
        ('"method": "DELETE"', '"method": "GET", "method": "DELETE"', "request.method"),
        ('"ifMatch"', '"ifMatch": "W/1", "ifMatch"', "request.ifMatch"),
        ('"request": {"method": "D', '"request": null, "request": {"method": "D', "request"),
        ('"entry": [', '"entry": [], "entry": [', "Bundle.entry"),
    ],
)
def test_an_element_given_twice_is_refused(once: str, twice: str, at: str) -> None:
    text = json.dumps(BUNDLE)
    assert text.count(once) == 1
    place = at if at.startswith("Bundle") else f"Bundle.entry[1].{at}"
    assert _refusal(text.replace(once, twice).encode()) == ("fhir.element-twice", place)


def test_an_element_that_is_null_is_absent() -> None:
    assert split(json.dumps(BUNDLE | {"id": None}).encode(), limit=2).id is None


def test_plain_characters_are_written_plainly_and_nothing_else_changes() -> None:
    written = rb' { "a\/" : "\u0041\u0022\u005C\u005cn\\u0041\n\u4e2d\u007e", "a\/":1.50e2 } '
    plain = rb'{"a/":"A\"\\\\n\\u0041\n\u4e2d~","a/":1.50e2}'
    assert compact(written) == plain
    assert json.loads(compact(written)) == json.loads(written)


@pytest.mark.parametrize("data", [b"[]", b"null", b'"Bundle"', b'{"type":"\xff"}'])
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    assert _refusal(data) == ("fhir.bundle-unreadable", "Bundle")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"entry":' + b"[" * 9999])
def test_what_is_no_json_is_refused_with_its_place(data: bytes) -> None:
    assert _refusal(data)[0].startswith("fhir.json-")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert split(b"\xef\xbb\xbf" + json.dumps(BUNDLE).encode(), limit=2).type == "transaction"


def test_a_bundle_too_long_is_refused() -> None:
    assert _refusal(json.dumps(BUNDLE).encode(), limit=1)[0] == "fhir.bundle-too-long"


@given(st.text(alphabet='{}[]":,\\ u0a/', max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        split(text.encode(), limit=10)
    except Refused as refusal:
        assert re.match(r"fhir\.(bundle|json|element)-", refusal.issues[0].key)
