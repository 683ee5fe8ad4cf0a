"""Searching over HTTP: what comes back, in what form, and how to go on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.kit.server import client, issue

FAMILIES = ("Bai", "Du", "Li", "Su", "Tao", "Wang", "Xin")
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    """Seven patients; Du has two observations by a practitioner, and one of another patient."""
    with client() as found:
        entries = [
            put("Patient", family.lower(), name=[{"family": family}], gender="male", active=True)
            for family in FAMILIES
        ]
        entries.append(put("Practitioner", "hua", name=[{"family": "Hua"}]))
        for number, of in enumerate(("du", "du", "li")):
            entries.append(observation(f"o{number}", of))
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert found.post("", json=bundle).status_code == 200
        yield found


def put(type: str, id: str, **elements: Any) -> dict[str, Any]:
    resource = {"resourceType": type, "id": id, **elements}
    return {"resource": resource, "request": {"method": "PUT", "url": f"{type}/{id}"}}


def observation(id: str, of: str) -> dict[str, Any]:
    return put(
        "Observation",
        id,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        subject={"reference": f"Patient/{of}"},
        performer=[{"reference": "Practitioner/hua"}],
        valueQuantity={"value": 70.50, "unit": "kg"},
    )


def found(answer: httpx.Response, mode: str = "match") -> list[str]:
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    entries = bundle.get("entry", [])
    return [e["resource"]["id"] for e in entries if e["search"]["mode"] == mode]


def links(answer: httpx.Response) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in answer.json()["link"]}


def test_a_search_says_what_it_found_and_where(fhir: httpx.Client) -> None:
    answer = fhir.get("Patient", params={"family": "du"})
    assert found(answer) == ["du"]
    assert answer.json()["total"] == 1
    assert answer.json()["entry"][0]["fullUrl"] == f"{fhir.base_url}Patient/du"
    assert links(answer)["self"] == f"{fhir.base_url}Patient?family=du"


def test_found_resources_are_the_stored_text(fhir: httpx.Client) -> None:
    assert '"valueQuantity":{"value":70.5,' in fhir.get("Observation?_id=o0").text
    assert fhir.get("Observation/o0").text in fhir.get("Observation?_id=o0").text


def test_nothing_found_is_an_empty_bundle(fhir: httpx.Client) -> None:
    answer = fhir.get("Patient?family=nobody")
    assert found(answer) == []
    assert "entry" not in answer.json()
    assert answer.json()["total"] == 0


def test_pages_show_everybody_once(fhir: httpx.Client) -> None:
    seen: list[str] = []
    answer = fhir.get("Patient", params={"_count": 3, "gender": "male"})
    while True:
        seen += found(answer)
        if "next" not in links(answer):
            break
        assert len(found(answer)) == 3
        answer = fhir.get(links(answer)["next"])
    assert sorted(seen) == sorted(family.lower() for family in FAMILIES)


@pytest.mark.parametrize("cursor", ["nonsense", "0" * 500, "", "é"])
def test_a_cursor_that_was_never_given_out_is_refused(fhir: httpx.Client, cursor: str) -> None:
    refused = fhir.get("Patient", params={"_count": 3, "_cursor": cursor})
    assert refused.status_code == 400
    assert issue(refused)["expression"] == ["_cursor"]


def test_posting_the_form_is_the_same_search(fhir: httpx.Client) -> None:
    answer = fhir.post("Patient/_search", content="family=du%2Cli&_sort=family", headers=FORM)
    assert found(answer) == ["du", "li"]
    paged = fhir.post("Patient/_search?gender=male", content="_count=2", headers=FORM)
    assert len(found(paged)) == 2
    assert len(found(fhir.get(links(paged)["next"]))) == 2
    assert "_search" not in links(paged)["next"]


def test_what_is_included_says_so(fhir: httpx.Client) -> None:
    answer = fhir.get("Observation?patient=du&_include=Observation:performer")
    assert sorted(found(answer)) == ["o0", "o1"]
    assert found(answer, "include") == ["hua"]
    assert answer.json()["total"] == 2


def test_searching_all_types(fhir: httpx.Client) -> None:
    assert found(fhir.get("?_type=Practitioner,Group")) == ["hua"]
    assert sorted(found(fhir.get("?_id=du,hua,o2"))) == ["du", "hua", "o2"]
    assert found(fhir.post("_search", content="_type=Practitioner", headers=FORM)) == ["hua"]


def test_searching_what_belongs_to_a_patient(fhir: httpx.Client) -> None:
    assert sorted(found(fhir.get("Patient/du/Observation"))) == ["o0", "o1"]
    assert sorted(found(fhir.get("Patient/du/*"))) == ["du", "o0", "o1"]
    assert found(fhir.get("Patient/du/Observation?_id=o2")) == []
    narrowed = fhir.post("Patient/du/Observation/_search", content="_id=o1", headers=FORM)
    assert found(narrowed) == ["o1"]
    assert links(narrowed)["self"].endswith("Patient/du/Observation?_id=o1")
    none = fhir.get("Observation/o1/Patient")
    assert none.status_code == 404
    assert issue(none)["diagnostics"] == "server.no-compartment"


def test_only_the_number(fhir: httpx.Client) -> None:
    for asked in ("_summary=count", "_count=0", "_summary=count&_count=2"):
        answer = fhir.get(f"Patient?gender=male&{asked}")
        assert answer.json()["total"] == len(FAMILIES)
        assert "entry" not in answer.json()
        assert links(answer).keys() == {"self"}


def test_only_some_elements(fhir: httpx.Client) -> None:
    [entry] = fhir.get("Patient?_id=du&_elements=gender").json()["entry"]
    resource = entry["resource"]
    assert resource.keys() == {"resourceType", "id", "meta", "gender"}
    assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"
    read = fhir.get("Observation/o0?_elements=subject").json()
    assert read.keys() == {"resourceType", "id", "meta", "status", "code", "subject"}


def test_a_summary_keeps_what_the_standard_marks(fhir: httpx.Client) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Du</div>'}
    link = [{"other": {"reference": "Patient/du"}, "type": "seealso"}]
    spoken = [{"language": {"text": "Chinese"}, "preferred": True}]
    more = {"text": text, "gender": "male", "link": link, "communication": spoken}
    whole = {"resourceType": "Patient", "id": "summed", **more}
    assert fhir.put("Patient/summed", json=whole).status_code == 201

    def shown(summary: str) -> set[str]:
        keys = set(fhir.get(f"Patient/summed?_summary={summary}").json())
        return keys - {"resourceType", "id", "meta"}

    assert shown("true") == {"gender", "link"}
    assert shown("text") == {"text"}
    assert shown("data") == {"gender", "link", "communication"}
    assert shown("false") == set(more)
    assert fhir.get("Patient/summed?_summary=little").status_code == 400
    assert fhir.delete("Patient/summed").status_code == 204


def test_an_unknown_parameter_is_a_warning_or_a_refusal(fhir: httpx.Client) -> None:
    lenient = fhir.get("Patient?family=du&shoe-size=44")
    assert found(lenient) == ["du"]
    [warning] = [e for e in lenient.json()["entry"] if e["search"]["mode"] == "outcome"]
    assert warning["resource"]["issue"][0]["severity"] == "warning"
    assert warning["resource"]["issue"][0]["expression"] == ["shoe-size"]
    assert "shoe-size" not in links(lenient)["self"]
    strict = fhir.get("Patient?shoe-size=44", headers={"prefer": "handling=strict"})
    assert strict.status_code == 400
    assert issue(strict)["expression"] == ["shoe-size"]


def test_strictness_can_be_the_rule_of_the_house() -> None:
    with client(handling="strict") as fhir:
        assert fhir.get("Patient?shoe-size=44").status_code == 400
        assert fhir.get("_history?shoe-size=44").status_code == 400
        lenient = fhir.get("Patient?shoe-size=44", headers={"prefer": "handling=lenient"})
        assert lenient.status_code == 200


def test_the_largest_page_is_the_largest_page() -> None:
    with client(max_page_size=2, default_page_size=5) as fhir:
        for _ in range(3):
            fhir.post("Patient", json={"resourceType": "Patient"})
        assert len(found(fhir.get("Patient?_count=1000"))) == 2
        assert len(found(fhir.get("Patient"))) == 2
        assert len(fhir.get("Patient/_history?_count=1000").json()["entry"]) == 2


def test_a_reference_with_our_own_address_is_found_like_any_other() -> None:
    with client() as fhir:
        base = str(fhir.base_url).rstrip("/")
        fhir.put("Patient/p", json={"resourceType": "Patient", "id": "p"})
        plain = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        pointing = plain | {"subject": {"reference": f"{base}/Patient/p"}}
        put = pointing | {"id": "put"}
        fhir.put("Observation/put", content=json.dumps(put).replace("/", "\\/"))
        fhir.put("Observation/patched", json=plain | {"id": "patched"})
        merge = {"content-type": "application/merge-patch+json"}
        subject = {"subject": {"reference": f"{base}/Patient/p/_history/1"}}
        fhir.patch("Observation/patched", json=subject, headers=merge)
        other = {"reference": "http://elsewhere.example/fhir/Patient/p"}
        fhir.put("Observation/other", json=plain | {"id": "other", "subject": other})
        request = {"method": "PUT", "url": "Observation/entry"}
        entry = {"resource": pointing | {"id": "entry"}, "request": request}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert fhir.post("", json=bundle).status_code == 200
        ours = {"put", "patched", "entry"}
        for query in ("subject=Patient/p", f"subject={base}/Patient/p", "subject._id=p"):
            assert set(found(fhir.get(f"Observation?{query}"))) == ours
        assert set(found(fhir.get("Patient/p/Observation"))) == ours
        assert fhir.get("Observation/put").json()["subject"] == {"reference": "Patient/p"}
        assert fhir.get("Observation/other").json()["subject"] == other
