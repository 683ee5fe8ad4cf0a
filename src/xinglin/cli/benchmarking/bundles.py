"""The data to import: transaction Bundles from a folder (Synthea's), or our own residents.

A Bundle can be imported any number of times, since each import creates new resources. Bundles
that have no Patient (hospitals, practitioners) are what the others refer to: they come first,
and once.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from xinglin.fhir.outcome import Issue, Refused
from xinglin.simulator.residents import residents

_SEED = 7
_TODAY = date(2026, 1, 1)  # the same residents on every day
_UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    ".bz2": bz2.decompress,
    ".gz": gzip.decompress,
    ".json": bytes,
}


@dataclass(frozen=True, slots=True)
class Packet:
    """One Bundle: the text that is sent, and the resources in it with their `fullUrl`."""

    text: bytes
    entries: list[dict[str, Any]]

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [entry["resource"] for entry in self.entries]

    @property
    def founding(self) -> bool:
        return all(each["resourceType"] != "Patient" for each in self.resources)


def packets(folder: Path | None, count: int) -> tuple[list[Packet], list[Packet]]:
    """The Bundles to begin with, then at most `count` more.

    Raises:
        Refused: there are none in the folder.
    """
    found = _invented(count) if folder is None else _in_folder(folder)
    founding: list[Packet] = []
    others: list[Packet] = []
    for packet in found:
        if packet.founding:
            founding.append(packet)
        elif len(others) < count:
            others.append(packet)
    if not others:
        given: dict[str, str | int] = {"folder": str(folder)}
        raise Refused(Issue("not-found", "cli.bench-no-bundles", at="--bundles", given=given))
    return founding, others


def _invented(count: int) -> Iterator[Packet]:
    district, *people = islice(residents(_SEED, count, _TODAY), count + 1)
    yield _packet(orjson.dumps(district))
    for person in people:
        for entry in person["entry"]:
            type = entry["resource"]["resourceType"]
            del entry["resource"]["id"]
            entry["request"] = {"method": "POST", "url": type}
        yield _packet(orjson.dumps(person))


def _in_folder(folder: Path) -> Iterator[Packet]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        unpacked = _UNPACKED.get(path.suffix)
        if unpacked is not None:
            yield _packet(unpacked(path.read_bytes()))


def _packet(text: bytes) -> Packet:
    return Packet(text, orjson.loads(text)["entry"])
