"""Who may see what: the rule of a reader holds at every hop of every question.

Du's patient record and Li's lie side by side. A reader of Du's compartment must find nothing of
Li's, whatever way is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.record import (
    ENGINES,
    START,
    Engine,
    Json,
    Record,
    Restricted,
    a_record,
    names,
    query,
    resource,
)
from xinglin.fhir.search import tree
from xinglin.fhir.search.parameters import standard
from xinglin.store.face import Reader, Transaction

BY_TYPE = standard().by_type
MS = START // 1000

# All that holds of Du's compartment, and nothing else.
OF_DU = Restricted(lambda type: tree.Compartment("Patient", "du"))
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def not_secret(type: str) -> tree.Node:
    return tree.Not(tree.Token(BY_TYPE[type]["_security"], CONFIDENTIALITY, "R"))


NOT_SECRET = Restricted(not_secret)
OBSERVATIONS_ONLY = Restricted(
    lambda type: tree.Everything() if type == "Observation" else tree.Nothing()
)


def patient(id: str, family: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id, "name": [{"family": family}]} | more


def observation(id: str, subject: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": "2023-01-01",
    } | more


def ward(id: str, *items: str) -> Json:
    entries = [{"item": {"reference": name}} for name in items]
    return {"resourceType": "List", "id": id, "status": "current", "mode": "working"} | {
        "entry": entries
    }


@pytest.fixture(params=ENGINES)
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    engine: Engine = request.param
    with a_record(engine) as found:
        found.put(
            patient("du", "Du"),
            patient("li", "Li"),
            observation("du-pulse", "du"),
            observation("li-pulse", "li"),
            ward("ward", "Patient/du", "Patient/li", "Observation/li-pulse"),
        )
        yield found


def test_read_and_vread(record: Record) -> None:
    for which in ({}, {"version": 1}, {"at": MS + 1000}):
        assert record.read("Patient/du", OF_DU, **which) is not None
        assert record.read("Observation/du-pulse", OF_DU, **which) is not None
        assert record.read("Patient/li", OF_DU, **which) is None
        assert record.read("Observation/li-pulse", OF_DU, **which) is None
        assert record.read("List/ward", OF_DU, **which) is None


SEARCHES = [
    ("Observation", ["Observation/du-pulse"]),
    ("Observation?code=8867-4", ["Observation/du-pulse"]),
    ("Observation?_id=li-pulse", []),
    ("Observation?_id:not=du-pulse", []),
    ("Observation?subject=Patient/li", []),
    ("Observation?date=2023-01-01", ["Observation/du-pulse"]),
    ("Observation?date:missing=false&_sort=date", ["Observation/du-pulse"]),
    ("Observation?_lastUpdated=gt2000", ["Observation/du-pulse"]),
    ("Patient?name=li", []),
    ("Patient", ["Patient/du"]),
    ("Patient?_sort=family", ["Patient/du"]),
    ("List", []),
    ("Patient?_list=ward", []),  # the list is not Du's
    ("?_type=Patient,Observation", ["Observation/du-pulse", "Patient/du"]),
    ("?_id=li,du", ["Patient/du"]),
]


@pytest.mark.parametrize(("text", "expected"), SEARCHES)
def test_search_and_its_total(record: Record, text: str, expected: list[str]) -> None:
    page = record.search(text, OF_DU)
    assert names(page.hits) == expected
    sign = "&" if "?" in text else "?"
    assert record.search(f"{text}{sign}_total=accurate", OF_DU).total == len(expected)
    assert record.search(f"{text}{sign}_summary=count", OF_DU).total == len(expected)
    assert record.search(f"{text}{sign}_count=1&_total=accurate", OF_DU).total == len(expected)


def test_a_hidden_resource_cannot_be_found_through_a_chain(record: Record) -> None:
    """An Observation that all may see refers to a patient that not all may see."""
    hidden = patient("li", "Li", meta={"security": [{"system": CONFIDENTIALITY, "code": "R"}]})
    record.put(hidden)
    everyone = record.found("Observation?subject:Patient.name=li")
    assert everyone == ["Observation/li-pulse"]
    for name in ("subject:Patient.name", "patient.name", "subject.name"):
        assert record.found(f"Observation?{name}=li", NOT_SECRET) == []
        assert record.found(f"Observation?{name}=du", NOT_SECRET) == ["Observation/du-pulse"]
    assert record.search("Observation?patient.name=li&_summary=count", NOT_SECRET).total == 0
    # Not even as what the others are not.
    assert record.found("Patient?_has:Observation:patient:patient.name=li", NOT_SECRET) == []
    assert len(record.found("Observation", NOT_SECRET)) == 2


def test_a_hidden_resource_cannot_be_found_through_what_refers_to_it(record: Record) -> None:
    hidden = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    record.put(observation("li-pulse", "li", meta=hidden))
    text = "Patient?_has:Observation:patient:code=8867-4&_sort=_id"
    assert record.found(text) == ["Patient/du", "Patient/li"]
    assert record.found(text, NOT_SECRET) == ["Patient/du"]
    assert record.found("Patient?_has:Observation:patient:_id=li-pulse", NOT_SECRET) == []


def test_many_hops_each_under_its_rule(record: Record) -> None:
    """Du's group member: an observation of a patient in whose list another observation is."""
    text = "Observation?patient._has:List:item:_id=ward&_sort=_id"
    assert record.found(text) == ["Observation/du-pulse", "Observation/li-pulse"]
    assert record.found(text, OBSERVATIONS_ONLY) == []
    no_lists = Restricted(lambda type: tree.Nothing() if type == "List" else tree.Everything())
    assert record.found(text, no_lists) == []
    assert record.found("Patient?_list=ward", no_lists) == []
    assert len(record.found("Patient?_list=ward")) == 2


def test_a_large_chain_is_judged_row_by_row_and_alike(record: Record) -> None:
    """So many targets that the search begins at its own type."""
    hidden = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    crowd = [patient(f"p{n}", "Wu", **({"meta": hidden} if n % 2 else {})) for n in range(1200)]
    record.put(*crowd)
    record.put(*(observation(f"o{n}", f"p{n}") for n in range(4)))
    expected = ["Observation/o0", "Observation/o2"]
    assert record.found("Observation?patient.name=wu&_sort=_id", NOT_SECRET) == expected
    assert len(record.found("Observation?patient.name=wu")) == 4
    assert record.search("Patient?name=wu&_summary=count", NOT_SECRET).total == 600
    assert record.search("Patient?_summary=count", NOT_SECRET).total == 602


INCLUDES = [
    ("Observation?_include=Observation:subject", ["Patient/du"]),
    ("Observation?_include=Observation:patient:Patient", ["Patient/du"]),
    ("Observation?_include=*", ["Patient/du"]),
    ("Patient?_revinclude=Observation:subject", ["Observation/du-pulse"]),
    ("Patient?_revinclude=List:item", []),
    ("Patient?_revinclude=List:*", []),
]


@pytest.mark.parametrize(("text", "expected"), INCLUDES)
def test_includes(record: Record, text: str, expected: list[str]) -> None:
    assert names(record.search(text, OF_DU).included) == expected


def test_an_include_of_what_is_hidden_behind_a_visible_hit(record: Record) -> None:
    for reader in (OBSERVATIONS_ONLY, NOT_SECRET):
        record.put(
            patient("du", "Du", meta={"security": [{"system": CONFIDENTIALITY, "code": "R"}]})
        )
        page = record.search("Observation?_id=du-pulse&_include=Observation:subject", reader)
        assert names(page.hits) == ["Observation/du-pulse"]
        assert names(page.included) == []


def test_iterated_includes_do_not_pass_through_what_is_hidden(record: Record) -> None:
    hidden = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    organization = {"resourceType": "Organization", "id": "ward-7", "name": "Ward 7"}
    managed = {"managingOrganization": {"reference": "Organization/ward-7"}}
    record.put(organization, patient("du", "Du", meta=hidden, **managed))
    text = (
        "Observation?_id=du-pulse&_include=Observation:patient"
        "&_include:iterate=Patient:organization"
    )
    assert sorted(names(record.search(text).included)) == ["Organization/ward-7", "Patient/du"]
    assert names(record.search(text, NOT_SECRET).included) == []


def test_a_work_reads_and_searches_under_the_rule_as_well(record: Record) -> None:
    def work(transaction: Transaction) -> tuple[Any, list[str]]:
        transaction.put(resource(observation("li-late", "li")), "li-late", "PUT")
        transaction.put(resource(observation("du-late", "du")), "du-late", "PUT")
        found = transaction.search(OF_DU, query("Observation?_sort=_id")).hits
        return transaction.read(OF_DU, "Observation", "li-late"), names(found)

    assert record.commit(work) == (None, ["Observation/du-late", "Observation/du-pulse"])


# Versions are judged by their own content


@pytest.fixture
def moved(record: Record) -> Record:
    """An observation was Li's by mistake, then Du's, then deleted."""
    for after, subject in ((1000, "li"), (2000, "du")):
        record.clock.now = (MS + after) * 1000
        record.put(observation("x", subject))
    record.clock.now = (MS + 3000) * 1000
    record.delete("Observation", "x")
    return record


def other(id: str) -> Reader:
    return Restricted(lambda type: tree.Compartment("Patient", id))


def test_a_version_is_visible_by_its_own_content(moved: Record) -> None:
    for number, visible in ((1, False), (2, True), (3, True)):
        found = moved.read("Observation/x", OF_DU, version=number)
        assert (found is not None) == visible, number
    assert moved.read("Observation/x", other("li"), version=1) is not None
    assert moved.read("Observation/x", other("li"), version=2) is None
    # The deletion is of what was Du's.
    assert moved.read("Observation/x", OF_DU) is not None
    assert moved.read("Observation/x", other("li")) is None


def test_a_moment_of_the_past_is_visible_by_its_content(moved: Record) -> None:
    assert moved.read("Observation/x", OF_DU, at=MS + 1500) is None
    assert moved.read("Observation/x", OF_DU, at=MS + 2500) is not None
    assert moved.read("Observation/x", other("li"), at=MS + 1500) is not None
    assert moved.read("Observation/x", other("li"), at=MS + 2500) is None


def test_history_shows_what_each_may_see(moved: Record) -> None:
    assert moved.versions("Observation/x", OF_DU) == ["Observation/x/3", "Observation/x/2"]
    assert moved.versions("Observation/x", other("li")) == ["Observation/x/1"]
    mine = ["Observation/x/3", "Observation/x/2", "Observation/du-pulse/1"]
    assert moved.versions("Observation", OF_DU) == mine
    assert moved.versions("", OF_DU) == [*mine, "Patient/du/1"]
    assert moved.versions("Patient", other("nobody")) == []
    assert moved.history("Observation/x", OF_DU).total == 2


def test_pages_of_a_history_have_no_holes_where_something_is_hidden(moved: Record) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = moved.history("", OF_DU, count=1, cursor=cursor)
        assert len(page.versions) == 1
        seen += [f"{each.type}/{each.id}/{each.version}" for each in page.versions]
        cursor = page.next
        if cursor is None:
            break
    assert seen == moved.versions("", OF_DU)


def test_what_became_secret_later_was_none_before(record: Record) -> None:
    hidden = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    record.put(observation("du-pulse", "du", meta=hidden))
    assert record.versions("Observation/du-pulse", NOT_SECRET) == ["Observation/du-pulse/1"]
    assert record.read("Observation/du-pulse", NOT_SECRET) is None
    record.delete("Observation", "du-pulse")
    assert record.versions("Observation/du-pulse", NOT_SECRET) == ["Observation/du-pulse/1"]


def test_a_rule_with_hops_judges_old_versions_by_the_record_as_it_is(record: Record) -> None:
    """Observations of patients named Du; a chain of the rule leads from the old version."""
    named_du = tree.String(BY_TYPE["Patient"]["name"], "starts", "du")
    chain = tree.Chain(BY_TYPE["Observation"]["subject"], "Patient", named_du)
    by_name = Restricted(lambda type: chain if type == "Observation" else tree.Everything())
    record.put(observation("du-pulse", "li"))
    assert record.versions("Observation/du-pulse", by_name) == ["Observation/du-pulse/1"]
    assert record.read("Observation/du-pulse", by_name) is None
    record.put(patient("li", "Du"))
    assert len(record.versions("Observation/du-pulse", by_name)) == 2


def test_a_rule_by_list_or_by_what_refers(record: Record) -> None:
    record.put(patient("wu", "Wu"))
    listed = Restricted(
        lambda type: tree.InList("ward") if type == "Patient" else tree.Everything()
    )
    seen = Restricted(
        lambda type: (
            tree.Has(BY_TYPE["Observation"]["patient"], tree.Everything())
            if type == "Patient"
            else tree.Everything()
        )
    )
    for reader in (listed, seen):
        assert record.found("Patient?_sort=_id", reader) == ["Patient/du", "Patient/li"]
        assert record.read("Patient/du", reader) is not None
        assert record.read("Patient/wu", reader) is None
        assert sorted(record.versions("Patient", reader)) == ["Patient/du/1", "Patient/li/1"]


# A compartment, and as it was


def test_a_compartment_holds_what_refers_to_its_patient_and_the_patient(record: Record) -> None:
    mine = tree.Query((), tree.Compartment("Patient", "du"))
    assert sorted(names(record.page(OBSERVATIONS_ONLY, mine).hits)) == ["Observation/du-pulse"]
    everyone = Restricted(lambda type: tree.Everything())
    found = names(record.page(everyone, mine).hits)
    assert sorted(found) == ["Observation/du-pulse", "Patient/du"]


def test_either_of_two_compartments_holds_their_patients_too(record: Record) -> None:
    record.put(patient("wu", "Wu"))
    family = tree.Or((tree.Compartment("Patient", "du"), tree.Compartment("Patient", "li")))
    reader = Restricted(lambda type: family)
    assert record.found("Patient?_sort=_id", reader) == ["Patient/du", "Patient/li"]
    assert record.found("Observation?_sort=_id", reader) == [
        "Observation/du-pulse",
        "Observation/li-pulse",
    ]
    assert record.read("Patient/wu", reader) is None


def test_a_compartment_as_it_was(moved: Record) -> None:
    def at(after: int, reader: Reader, id: str = "du") -> list[str]:
        asked = tree.Query((), tree.Compartment("Patient", id), at=MS + after, count=100)
        return [f"{v.type}/{v.id}/{v.version}" for v in moved.page(reader, asked).hits]

    everyone = Restricted(lambda type: tree.Everything())
    first = ["Observation/du-pulse/1", "Patient/du/1"]
    assert at(500, everyone) == first
    assert at(1500, everyone) == first
    assert at(2500, everyone) == ["Observation/x/2", *first]
    assert at(3500, everyone) == first
    assert at(1500, everyone, "li") == ["Observation/x/1", "Observation/li-pulse/1", "Patient/li/1"]
    assert at(2500, everyone, "li") == ["Observation/li-pulse/1", "Patient/li/1"]
    assert at(-500, everyone) == []
    assert at(2500, OBSERVATIONS_ONLY) == ["Observation/x/2", "Observation/du-pulse/1"]
    assert at(2500, other("li")) == []


def test_pages_of_a_compartment_as_it_was(moved: Record) -> None:
    asked = tree.Query((), tree.Compartment("Patient", "du"), at=MS + 2500, count=1)
    seen: list[str] = []
    cursor = None
    while True:
        page = moved.page(OF_DU, asked, cursor=cursor)
        seen += names(page.hits)
        cursor = page.next
        moved.put(observation(f"later-{len(seen)}", "du"))
        if cursor is None:
            break
    assert seen == ["Observation/x", "Observation/du-pulse", "Patient/du"]
