"""Searches that are large, and places in them that nobody gave out: found or refused, never an
accident."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.kit.record import ENGINES, Engine, Record, a_record, names, query
from xinglin.fhir.outcome import Refused
from xinglin.store.face import UNRESTRICTED


@pytest.fixture(scope="module", params=ENGINES[:1])
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    """More identifiers of one system than a statement may have bindings."""
    engine: Engine = request.param
    with a_record(engine) as found:
        found.put(
            {"resourceType": "Group", "id": "g", "type": "person", "actual": True},
            {
                "resourceType": "Observation",
                "id": "of-group",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": "Group/g"},
            },
            {
                "resourceType": "RiskAssessment",
                "id": "r",
                "status": "final",
                "subject": {"reference": "Patient/p7"},
                "prediction": [{"probabilityDecimal": 0.5}],
            },
            *(
                {
                    "resourceType": "Patient",
                    "id": f"p{n}",
                    "name": [{"family": f"Family{n}"}],
                    "identifier": [{"system": "http://s", "value": str(n)}],
                    "gender": "male" if n % 2 else "female",
                }
                for n in range(33_000)
            ),
        )
        yield found


def many(*values: str) -> str:
    return ",".join([*(f"x{n}" for n in range(1500)), *values])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Patient?name={many('family7')}&gender=male&_id=p7", ["Patient/p7"]),
        (f"Patient?name={many('family77')}&_id=p77,p8", ["Patient/p77"]),
        (f"Patient?identifier={many('7')}", ["Patient/p7"]),
        (f"Patient?_id={many('p7')}", ["Patient/p7"]),
        (f"RiskAssessment?subject:Patient.name={many('family7')}", ["RiskAssessment/r"]),
        (
            "RiskAssessment?probability=" + ",".join(f"{n}.5" for n in range(1500)),
            ["RiskAssessment/r"],
        ),
        ("Patient?identifier=http://s|&_id=p7", ["Patient/p7"]),
        ("Patient?identifier:not=http://s|", []),
    ],
)
def test_any_number_of_values_may_be_asked_for(
    record: Record, text: str, expected: list[str]
) -> None:
    assert record.found(text) == expected


def test_a_system_with_more_codes_than_a_statement_has_bindings(record: Record) -> None:
    assert record.search("Patient?identifier=http://s|&_summary=count").total == 33_000
    assert record.search("Patient?identifier=http://s|&gender=male&_summary=count").total == 16_500
    newest = record.search("Patient?identifier=http://s|&_count=2")
    assert names(newest.hits) == ["Patient/p32999", "Patient/p32998"]


def test_what_refers_to_a_group_is_no_reference_to_a_patient(record: Record) -> None:
    """`patient` is `subject` where that is a patient."""
    assert record.found("Group?_has:Observation:subject:status=final") == ["Group/g"]
    assert record.found("Group?_has:Observation:patient:status=final") == []
    assert record.found("Observation?subject:missing=true") == []
    assert record.found("Observation?patient:missing=true") == ["Observation/of-group"]
    assert names(record.search("Group?_revinclude=Observation:patient").included) == []
    revincluded = record.search("Group?_revinclude=Observation:subject").included
    assert names(revincluded) == ["Observation/of-group"]


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


HUGE = "9" * 30


@pytest.mark.parametrize(
    "place",
    [
        *("", "é", "===", "a b", "x" * 101),
        *(cursor(text) for text in ("", "[]", "[1]", "[1,[1]]", "[1,[1,2,3]]", '{"a":1}', "null")),
        *(cursor(text) for text in (f"[{HUGE},[1,2]]", f"[1,[{HUGE},2]]", "[1,[1e400,2]]")),
        *(cursor(text) for text in ('["a",[1,2]]', "[1,[[],2]]", "[1,[true,2]]")),
    ],
)
def test_a_place_that_is_none_is_refused(record: Record, place: str) -> None:
    with pytest.raises(Refused, match=r"store\.cursor-unknown"):
        record.page(UNRESTRICTED, query("Patient?_count=2"), cursor=place)


@pytest.mark.parametrize("text", ["[1,[null,null]]", '[1,["a","b"]]', "[-1,[1.5,2]]", "[0,[0,0]]"])
def test_a_place_that_was_made_up_finds_what_it_may(record: Record, text: str) -> None:
    page = record.page(UNRESTRICTED, query("Patient?_count=2"), cursor=cursor(text))
    assert len(page.hits) <= 2


@pytest.mark.parametrize("number", [-1, 0, 2, 2**31, 2**63 - 1, 2**63, 2**100])
def test_a_version_that_never_was(record: Record, number: int) -> None:
    assert record.read("Patient/p7", version=number) is None


@pytest.mark.parametrize("ms", [-(2**62), 0])
def test_a_moment_before_everything(record: Record, ms: int) -> None:
    assert record.read("Patient/p7", at=ms) is None
    assert record.versions("Patient", at=(ms, ms)) == []


@pytest.mark.parametrize("ms", [253_402_300_799_999, 2**62])
def test_a_moment_after_everything(record: Record, ms: int) -> None:
    latest = record.read("Patient/p7", at=ms)
    assert latest is not None
    assert latest.version == 1
    assert record.versions(since=ms) == []
    assert record.versions("Patient/p7", at=(ms, ms)) == ["Patient/p7/1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("lt0001-01-01", 0), ("gt9999", 0), ("le9999", 1), ("ge0001", 1), ("ne2020", 1)],
)
def test_the_ends_of_time(record: Record, text: str, expected: int) -> None:
    assert len(record.found(f"Group?_lastUpdated={text}")) == expected


@pytest.mark.parametrize("name", ["%25", "_", "'", '"', "%00", "\\", "😀", "family7'--"])
def test_signs_that_mean_something_elsewhere_mean_nothing_here(record: Record, name: str) -> None:
    assert record.found(f"Patient?name={name}&_count=1") == []
    assert record.found(f"Patient?name:contains={name}&_count=1") == []
    assert record.found(f"Patient?name:exact={name}&_count=1") == []
