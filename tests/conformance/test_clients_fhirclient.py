"""`fhirclient`, the Python client of SMART on FHIR, works with the server unchanged: its models
refuse whatever is not FHIR R4, so they check every answer as well."""

# mypy: disable-error-code="import-untyped"
# The client has no types.

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.capabilitystatement import CapabilityStatement
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.fhirdatetime import FHIRDateTime
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.humanname import HumanName
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRServer
from requests.exceptions import HTTPError

from tests.kit.server import serving


@pytest.fixture(scope="module")
def server() -> Iterator[FHIRServer]:
    with serving() as root:
        client = FHIRClient({"app_id": "test", "api_base": f"{root}/fhir"})
        yield client.server
        client.server.session.close()


def patient(family: str) -> Patient:
    made = Patient()
    made.name = [HumanName({"family": family, "given": ["Ann"]})]
    made.birthDate = FHIRDate("1980-02-29")
    return made


def test_it_understands_what_the_server_can_do(server: FHIRServer) -> None:
    assert server.prepare() is False or server.ready  # nobody signs in yet
    statement = server.capabilityStatement
    assert isinstance(statement, CapabilityStatement)
    assert statement.fhirVersion == "4.0.1"
    types = {resource.type for resource in statement.rest[0].resource}
    assert {"Patient", "Observation", "Task"} <= types and len(types) > 140


def test_a_patient_is_created_read_changed_and_deleted(server: FHIRServer) -> None:
    made = patient("Sun")
    told = made.create(server)
    read = Patient.read(told["id"], server)
    assert read.name[0].family == "Sun" and read.birthDate.isostring == "1980-02-29"
    assert read.meta.versionId == "1"
    read.gender = "female"
    assert read.update(server)["meta"]["versionId"] == "2"
    read.delete()
    with pytest.raises(HTTPError, match="410"):
        Patient.read(told["id"], server)
    with pytest.raises(FHIRNotFoundException):
        Patient.read("nobody", server)


def test_it_searches_page_by_page(server: FHIRServer) -> None:
    owner = patient("Li")
    owner_id = owner.create(server)["id"]
    for number in range(25):
        weight = Observation(
            {"resourceType": "Observation", "status": "final", "code": {"text": "w"}}
        )
        weight.subject = FHIRReference({"reference": f"Patient/{owner_id}"})
        weight.effectiveDateTime = FHIRDateTime(f"2024-01-{number + 1:02}")
        weight.create(server)
    search = Observation.where({"subject": f"Patient/{owner_id}", "_count": "10", "_sort": "-date"})
    found = list(search.perform_resources_iter(server))
    days = [each.effectiveDateTime.isostring[:10] for each in found]
    assert days == [f"2024-01-{day:02}" for day in range(25, 0, -1)]
    dated = Observation.where({"date": "gt2024-01-23"})
    assert len(list(dated.perform_resources_iter(server))) == 2
    both = next(search.include("subject", Observation).perform_iter(server))
    assert {entry.search.mode for entry in both.entry} == {"match", "include"}


def test_it_sends_a_transaction(server: FHIRServer) -> None:
    urn = "urn:uuid:1d1cf0a4-9d70-4f0e-a6a1-2c0a3a3d7a11"
    bundle = Bundle(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": urn,
                    "resource": patient("Wang").as_json(),
                    "request": {"method": "POST", "url": "Patient"},
                },
                {
                    "resource": {
                        "resourceType": "Observation",
                        "status": "final",
                        "code": {"text": "w"},
                        "subject": {"reference": urn},
                    },
                    "request": {"method": "POST", "url": "Observation"},
                },
            ],
        }
    )
    answer = Bundle(server.post_json("", bundle.as_json()).json())
    assert answer.type == "transaction-response"
    person, weight = (entry.response.location.split("/_history")[0] for entry in answer.entry)
    assert person.endswith(Observation.read_from(weight, server).subject.reference)
