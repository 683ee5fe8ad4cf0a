"""One transaction Bundle while it is filled (FHIR R4, Bundle; http.html#transaction).

Ids follow from the owner's name and the order of adding alone, and every entry is a `PUT` to
its id: who loads a bundle twice has what he had. Inside the bundle, references are the
`urn:uuid:` of the full URL, which the server turns into its own.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid5

from xinglin.simulator.catalogue import Json

# Of everything invented here; itself invented once.
NAMESPACE = UUID("5c1e9d3a-8f64-4b0e-9a57-d1a6f0c2e7b8")


class Chart:
    """The resources of one owner: a resident, or the district."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._added: Counter[str] = Counter()
        self._entries: list[Json] = []

    def add(self, resource: Json) -> Json:
        """Add a resource, under its own id or a new one, and return a Reference to it."""
        kind = resource["resourceType"]
        place = f"{self._owner}/{kind}/{self._added[kind]}"
        self._added[kind] += 1
        uuid = str(uuid5(NAMESPACE, place))
        named = {"resourceType": kind, "id": uuid, **resource}
        full_url = f"urn:uuid:{uuid}"
        request = {"method": "PUT", "url": f"{kind}/{named['id']}"}
        self._entries.append({"fullUrl": full_url, "resource": named, "request": request})
        return {"reference": full_url}

    def bundle(self) -> Json:
        return {"resourceType": "Bundle", "type": "transaction", "entry": self._entries}
