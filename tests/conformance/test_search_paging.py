"""Paging while others write: what did not change comes exactly once, what changed at most once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import httpx
import pytest

from tests.kit.oracle.corpus import key, pages
from tests.kit.server import client

QUIET, RESTLESS = 120, 60
_ORDERS = ("", "_sort=date&", "_sort=-_lastUpdated&", "_sort=_id&", "_sort=code,-date&")


@pytest.fixture(scope="module")
def fhir() -> Iterator[httpx.Client]:
    """A record of observations; a third of them will not stay as they are."""
    with client() as found:
        entries = [
            {
                "resource": observation(f"{kind}-{number}", number),
                "request": {"method": "PUT", "url": f"Observation/{kind}-{number}"},
            }
            for kind, many in (("quiet", QUIET), ("restless", RESTLESS))
            for number in range(many)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert found.post("", json=bundle).status_code == 200
        yield found


def observation(id: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": f"c{number % 3}"}]},
        "effectiveDateTime": f"2020-01-{1 + number % 28:02}",
    }


@contextmanager
def writing(fhir: httpx.Client, until: threading.Event) -> Iterator[None]:
    """Somebody creates, moves to another place of the order, and deletes, all the while."""
    random = Random(1)  # noqa: S311  (no secrets)

    def write() -> None:
        with httpx.Client(base_url=fhir.base_url, headers=fhir.headers, timeout=60) as other:
            while not until.is_set():
                id = f"restless-{random.randrange(RESTLESS)}"
                if random.random() < 0.3:
                    assert other.delete(f"Observation/{id}").status_code in (200, 204)
                    continue
                moved = observation(id, random.randrange(1000))
                assert other.put(f"Observation/{id}", json=moved).status_code in (200, 201)
                other.post(
                    "Observation", json=observation("", random.randrange(1000)) | {"id": "x"}
                )

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        until.set()
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("order", _ORDERS)
@pytest.mark.parametrize("count", [7, 50])
def test_pages_hold_together_while_others_write(fhir: httpx.Client, order: str, count: int) -> None:
    with writing(fhir, threading.Event()):
        seen = Counter(
            key(entry["resource"])
            for bundle in pages(fhir, f"Observation?{order}_count={count}")
            for entry in bundle.get("entry", [])
        )
    twice = [each for each, times in seen.items() if times > 1]
    assert not twice
    absent = [n for n in range(QUIET) if f"Observation/quiet-{n}" not in seen]
    assert not absent


def test_pages_keep_what_they_promise_while_their_rows_go(fhir: httpx.Client) -> None:
    """The very resource that a page ended with is deleted before the next page is asked for."""
    tag = {"meta": {"tag": [{"code": "going"}]}}
    for number in range(9):
        stored = observation(f"going-{number}", number) | tag
        assert fhir.put(f"Observation/going-{number}", json=stored).status_code == 201
    left = [f"Observation/going-{number}" for number in range(9)]
    for bundle in pages(fhir, "Observation?_tag=going&_sort=date&_count=2"):
        got = [key(entry["resource"]) for entry in bundle["entry"]]
        assert got == left[: len(got)]
        left = left[len(got) :]
        assert fhir.delete(got[-1]).status_code in (200, 204)
    assert not left
