"""What is left of a record when all is over, as each server shows it in three ways: its history,
a search, and the read of each resource (in batches, since there are many).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx

from tests.kit.history.contents import TYPES, past, version
from tests.kit.history.notes import Absent, Version, View
from tests.kit.oracle.corpus import pages
from tests.kit.server import FHIR

_BATCH = 200  # reads


def left(servers: Sequence[str]) -> list[View]:
    return [_view(server) for server in servers]


def _view(server: str) -> View:
    with httpx.Client(base_url=f"{server}/fhir", headers=FHIR, timeout=60) as fhir:
        feed = [
            past(entry)
            for bundle in pages(fhir, "_history?_count=1000")
            for entry in bundle.get("entry", [])
        ]
        feed.reverse()
        found = [
            version(entry["resource"])
            for bundle in pages(fhir, f"?_type={TYPES}&_count=1000")
            for entry in bundle.get("entry", [])
        ]
        assert len({each.address for each in found}) == len(found), "a search shows things twice"
        addresses = sorted({each.address for each in feed})
        read = dict(_read(fhir, addresses))
    return View(server, feed, {each.address: each for each in found}, read)


def _read(fhir: httpx.Client, addresses: Sequence[str]) -> Iterator[tuple[str, Version | Absent]]:
    for start in range(0, len(addresses), _BATCH):
        asked = addresses[start : start + _BATCH]
        entries = [{"request": {"method": "GET", "url": address}} for address in asked]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        response = fhir.post("", json=bundle)
        assert response.status_code == 200, response.text
        for address, entry in zip(asked, response.json()["entry"], strict=True):
            if "resource" in entry:
                yield address, version(entry["resource"])
            else:
                deleted = entry["response"]["status"].startswith("410")
                yield address, Absent(address, deleted)
