"""The institutions and doctors of the district: Organization, Location, Practitioner, role.

They have readable ids (`Organization/qinghe-hospital`), the same for every seed, so that all
residents of all seeds can live in one district.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.simulator.catalogue import (
    Doctor,
    Json,
    Place,
    coded,
    people,
    staffed,
    translated,
)
from xinglin.simulator.chart import Chart
from xinglin.simulator.people import human_names

STAFF_NUMBER = "https://xinglin.example/id/staff"


def district() -> Json:
    """The transaction Bundle of everything that residents refer to."""
    chart = Chart("district")
    everything = staffed()
    for place in (everything.hospital, *everything.centre):
        _place(chart, place, "prov")
    for place in everything.department:
        _place(chart, place, "dept", part_of=everything.hospital)
    for number, doctor in enumerate(everything.doctor, start=1):
        _doctor(chart, doctor, number)
    return chart.bundle()


def doctors_at(*places: str) -> Sequence[Doctor]:
    """The doctors who work at a department or centre."""
    return [doctor for doctor in staffed().doctor if doctor.works_at in places]


def practitioner(doctor: Doctor) -> Json:
    """A Reference to a doctor."""
    return {
        "reference": f"Practitioner/{doctor.id}",
        "display": human_names(doctor.name)[0]["text"],
    }


def organization(place: str) -> Json:
    """A Reference to an institution or department, by its id."""
    return {"reference": f"Organization/{place}"}


def location(place: str) -> Json:
    """A Reference to where an institution or department is, by its id."""
    return {"reference": f"Location/{place}"}


def address(line: str) -> Json:
    """An Address in the district."""
    at = people().address
    return {
        "text": f"{at.state}{at.city}{at.district}{line}",
        "line": [line],
        "city": at.city,
        "district": at.district,
        "state": at.state,
        "postalCode": at.postal_code,
        "country": "CN",
    }


def _place(chart: Chart, place: Place, kind: str, part_of: Place | None = None) -> None:
    resource: Json = {
        "resourceType": "Organization",
        "id": place.id,
        "active": True,
        "type": [coded("organization-type", kind)],
        "name": place.zh,
        "_name": translated(place.en),
        "alias": [place.en],
    }
    if part_of:
        resource["partOf"] = organization(part_of.id)
    where = (place if part_of is None else part_of).street or ""
    chart.add({**resource, "address": [address(where)]})
    chart.add(
        {
            "resourceType": "Location",
            "id": place.id,
            "status": "active",
            "name": place.zh,
            "mode": "instance",
            "address": address(where),
            "managingOrganization": organization(place.id),
        }
    )


def _doctor(chart: Chart, doctor: Doctor, number: int) -> None:
    chart.add(
        {
            "resourceType": "Practitioner",
            "id": doctor.id,
            "identifier": [{"system": STAFF_NUMBER, "value": f"D{number:04}"}],
            "active": True,
            "name": human_names(doctor.name),
            "gender": doctor.gender,
        }
    )
    chart.add(
        {
            "resourceType": "PractitionerRole",
            "id": doctor.id,
            "active": True,
            "practitioner": practitioner(doctor),
            "organization": organization(doctor.works_at),
            "code": [coded("practitioner-role", "doctor")],
            "location": [location(doctor.works_at)],
        }
    )
