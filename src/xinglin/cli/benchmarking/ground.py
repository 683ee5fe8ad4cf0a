"""What lies in the record before anything is timed, and what can be asked about it.

The server gives the ids, so they are learnt from its answers. A server that takes no
transactions gets a Patient alone, and is not asked for what was never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from xinglin.cli.benchmarking.asking import Door
from xinglin.cli.benchmarking.bundles import Packet
from xinglin.cli.benchmarking.visit import resources
from xinglin.fhir.outcome import Issue, Refused

_PATIENCE = 300  # seconds for one Bundle
_FHIR = "application/fhir+json"


@dataclass(slots=True)
class Ground:
    """`known` are resources as they were sent, by `Type/id` of the server."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusal: int | None = None  # the status with which a transaction was refused
    loaded: int = 0  # resources written
    now: dict[str, str] = field(default_factory=dict)  # fullUrl to `Type/id`

    def of(self, type: str) -> Iterable[tuple[str, dict[str, Any]]]:
        return ((at, each) for at, each in self.known.items() if at.startswith(f"{type}/"))

    def patient_of(self, resource: dict[str, Any]) -> str | None:
        """`Patient/id` of its subject, as the server names it."""
        reference = resource.get("subject", {}).get("reference", "")
        return self.now.get(reference)

    @property
    def patient(self) -> str:
        return next(at for at, _ in self.of("Patient"))


def prepared(door: Door, founding: list[Packet], seeds: list[Packet]) -> Ground:
    """Load what the others refer to, then the seeds.

    Raises:
        Refused: nothing answers at the address, not even a Patient can be created, or a header
            is none.
    """
    ground = Ground()
    headers = [("accept", _FHIR), ("content-type", _FHIR), *map(_header, door.headers)]
    try:
        with httpx.Client(headers=headers, timeout=_PATIENCE, trust_env=False) as http:
            for packet in (*founding, *seeds):
                if not _load(http, door, packet, ground):
                    break
            if not any(ground.of("Patient")):
                _create(http, door, ground)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _silent(door, str(error) or type(error).__name__) from error
    return ground


def _load(http: httpx.Client, door: Door, packet: Packet, ground: Ground) -> bool:
    answer = http.post(door.base, content=packet.text)
    if answer.status_code != httpx.codes.OK:
        ground.refusal = answer.status_code
        return False
    for sent, done in zip(packet.entries, answer.json()["entry"], strict=True):
        location = done.get("response", {}).get("location")
        if location:
            at = local(location)
            ground.known[at] = sent["resource"]
            ground.now[sent["fullUrl"]] = at
            ground.loaded += 1
    return True


def _create(http: httpx.Client, door: Door, ground: Ground) -> None:
    patient = next(resources(0, {}))
    answer = http.post(f"{door.base}/Patient", json=patient)
    if answer.status_code != httpx.codes.CREATED:
        raise _silent(door, f"HTTP {answer.status_code}")
    ground.known[local(answer.headers["location"])] = patient
    ground.loaded += 1


def local(location: str) -> str:
    """`Type/id` of the address that a server gives what it wrote.

    >>> local("http://127.0.0.1/fhir/Patient/1/_history/2")
    'Patient/1'
    """
    return "/".join(location.partition("/_history")[0].rsplit("/", 2)[-2:])


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        given: dict[str, str | int] = {"header": text}
        raise Refused(Issue("value", "cli.bench-bad-header", at="--header", given=given))
    return name.strip(), value.strip()


def _silent(door: Door, reason: str) -> Refused:
    given: dict[str, str | int] = {"url": door.base, "reason": reason}
    return Refused(Issue("not-found", "cli.bench-no-server", at="--url", given=given))
