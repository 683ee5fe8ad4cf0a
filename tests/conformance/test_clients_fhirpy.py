"""`fhirpy`, a well-known Python client, works with the server unchanged: both its faces."""

# mypy: disable-error-code="no-untyped-call"
# The client is typed in part.

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

from tests.kit.server import serving

PATIENTS = 45  # more than two pages


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with serving() as found:
        yield f"{found}/fhir"


@pytest.fixture
def sync(root: str) -> SyncFHIRClient:
    return SyncFHIRClient(root)


def test_a_resource_lives_through_the_synchronous_client(sync: SyncFHIRClient) -> None:
    patient = sync.resource("Patient", name=[{"family": "Dong", "given": ["Feng"]}])
    patient.create()
    assert patient.id and patient["meta"]["versionId"] == "1"
    read = sync.reference("Patient", patient.id).to_resource()
    assert read.serialize() == patient.serialize()

    read["birthDate"] = "1980-01-02"
    read.update()
    assert read["meta"]["versionId"] == "2"
    read.patch(gender="male", active=True)
    patient.refresh()
    assert (patient["gender"], patient["birthDate"], patient["active"]) == (
        "male",
        "1980-01-02",
        True,
    )

    patient["active"] = False
    patient.save(fields=["active"])
    assert sync.get("Patient", patient.id)["active"] is False
    patient.delete()
    with pytest.raises(ResourceNotFound):
        sync.get("Patient", patient.id)


def test_a_refusal_is_an_operation_outcome_to_it(sync: SyncFHIRClient) -> None:
    with pytest.raises(OperationOutcome) as refused:
        sync.resource("Patient", gender="fern").create()
    assert refused.value.resource["issue"][0]["expression"] == ["Patient.gender"]


def test_searches_and_pages_through_the_synchronous_client(sync: SyncFHIRClient) -> None:
    doctor = sync.resource("Practitioner", name=[{"family": "Zhang"}])
    doctor.create()
    entries = [
        {
            "resource": {
                "resourceType": "Patient",
                "birthDate": f"1970-01-{1 + number % 28:02}",
                "identifier": [{"system": "urn:fhirpy", "value": str(number)}],
                "generalPractitioner": [doctor.to_reference()],
            },
            "request": {"method": "POST", "url": "Patient"},
        }
        for number in range(PATIENTS)
    ]
    bundle = sync.resource("Bundle", type="transaction", entry=entries)
    bundle.create()

    ours = sync.resources("Patient").search(identifier="urn:fhirpy|")
    assert ours.count() == PATIENTS
    assert len(ours.limit(7).fetch()) == 7
    everybody = ours.limit(20).sort("birthdate").fetch_all()
    assert len({each.id for each in everybody}) == PATIENTS
    born = [each["birthDate"] for each in everybody]
    assert born == sorted(born)
    early = ours.search(birthdate__lt=date(1970, 1, 3)).fetch_all()
    assert {each["birthDate"] for each in early} == {"1970-01-01", "1970-01-02"}
    chained = sync.resources("Patient").search(general_practitioner__Practitioner__family="zhang")
    assert chained.count() == PATIENTS
    both = ours.limit(5).include("Patient", "general-practitioner").fetch_raw()
    kinds = [entry["resource"]["resourceType"] for entry in both["entry"]]
    assert kinds == ["Patient"] * 5 + ["Practitioner"]
    has = sync.resources("Practitioner").has(
        "Patient", "general-practitioner", identifier="urn:fhirpy|3"
    )
    assert [each.id for each in has.fetch()] == [doctor.id]
    with pytest.raises(MultipleResourcesFound):
        ours.get()


def test_conditional_writes_through_the_synchronous_client(sync: SyncFHIRClient) -> None:
    once = SyncFHIRClient(sync.url, extra_headers={"If-None-Exist": "identifier=urn:once|1"})
    who = sync.resources("Patient").search(identifier="urn:once|1")
    first, again = (
        once.resource("Patient", identifier=[{"system": "urn:once", "value": "1"}]).create()
        for _ in range(2)
    )
    assert again.id == first.id and who.count() == 1
    changed = sync.resource(
        "Patient", identifier=[{"system": "urn:once", "value": "1"}], active=True
    )
    updated, made = who.update(changed)
    assert not made and updated.id == first.id and updated["meta"]["versionId"] == "2"
    patched = who.patch(gender="female")
    assert patched["gender"] == "female" and patched.id == first.id
    assert who.count() == 1


def test_the_asynchronous_client_does_the_same_for_many_at_once(root: str) -> None:
    async def story() -> None:
        client = AsyncFHIRClient(root)

        async def live(number: int) -> Any:
            note = client.resource(
                "Basic",
                code={"text": "note"},
                identifier=[{"system": "urn:a", "value": f"{number}"}],
            )
            await note.create()
            await note.patch(created="2024-01-01")
            return note

        notes = await asyncio.gather(*(live(number) for number in range(30)))
        ours = client.resources("Basic").search(identifier="urn:a|", created__ge="2024")
        assert await ours.count() == 30
        found = [each async for each in ours.limit(8)]
        assert {each.id for each in found} == {each.id for each in notes}
        await asyncio.gather(*(note.delete() for note in notes))
        assert await ours.count() == 0
        statement = await client.execute("metadata", method="get")
        assert statement["fhirVersion"] == "4.0.1"

    asyncio.run(story())
