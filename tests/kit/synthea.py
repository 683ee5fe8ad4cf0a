"""A server that holds synthetic patients, loaded through the API as anybody would."""

from __future__ import annotations

import bz2
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.kit.outside import data
from tests.kit.server import FHIR, running_server

_encode = msgspec.json.Encoder(decimal_format="number").encode


def patients() -> list[Path]:
    """The bundles of one patient each, the smallest first."""
    files = (file for file in data("synthea").glob("*.bz2") if not file.name.startswith("0-"))
    return sorted(files, key=lambda file: (file.stat().st_size, file.name))


@contextmanager
def holding(
    folder: Path, patients: Sequence[Path], more: Sequence[dict[str, Any]] = ()
) -> Iterator[httpx.Client]:
    """A client of a server that holds these patients, all hospitals, and more resources, which
    keep their ids."""
    shared = sorted(data("synthea").glob("0-*.json.bz2"))
    with (
        running_server(folder) as (root, _),
        httpx.Client(base_url=f"{root}/fhir", headers=FHIR, timeout=120) as fhir,
    ):
        for file in (*shared, *patients):
            _post(fhir, bz2.decompress(file.read_bytes()))
        put(fhir, more)
        yield fhir


def put(fhir: httpx.Client, resources: Sequence[dict[str, Any]]) -> None:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
        for r in resources
    ]
    _post(fhir, _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries}))


def _post(fhir: httpx.Client, bundle: bytes) -> None:
    response = fhir.post("", content=bundle)
    assert response.status_code == 200, response.text
    wrong = [e for e in response.json()["entry"] if e["response"]["status"][0] != "2"]
    assert not wrong, wrong[:3]
