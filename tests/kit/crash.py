"""Clients that write until the server dies, and what has to be left afterwards.

Each writer has resources of its own, so that it knows their whole history. What was sent and
never answered may be there or not; what was answered must be.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.kit.oracle.corpus import pages
from tests.kit.server import FHIR

Resource = dict[str, Any]
SYSTEM = "urn:crash"
TYPES = "Basic,Patient,Observation"
SIZE = 7  # resources in a transaction
WRITERS = 6


@dataclass
class Life:
    """One resource, which its writer puts and deletes."""

    address: str
    versions: list[Resource | None] = field(default_factory=list)  # None: deleted
    doubtful: list[Resource | None] = field(default_factory=list)  # sent, never answered


@dataclass
class Work:
    """Resources that were created together, known by their tag."""

    tag: str
    size: int
    answered: bool = False


class Notes:
    """What the writers sent and what was answered; `due` is set after so many answers."""

    def __init__(self, until: int) -> None:
        self.lives: list[Life] = []
        self.works: list[Work] = []
        self.due = threading.Event()
        self.faults: list[str] = []
        self._left = until
        self._lock = threading.Lock()

    def answered(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.due.set()


class Writer:
    """Creates, changes, deletes and sends transactions, until nobody answers any more."""

    def __init__(self, root: str, name: str, notes: Notes) -> None:
        self.name = name
        self._base = f"{root}/fhir"
        self._notes = notes
        self._random = Random(name)  # noqa: S311  (no secrets)
        self._mine: list[Life] = []
        self._number = 0

    def run(self) -> None:
        acts = (self._begin, self._change, self._delete, self._create, self._transaction)
        try:
            with httpx.Client(base_url=self._base, headers=FHIR, timeout=60) as fhir:
                while True:
                    self._number += 1
                    self._random.choices(acts, (3, 4, 2, 2, 3))[0](fhir)
                    self._notes.answered()
        except httpx.TransportError:
            pass  # the server is dead, as it should be
        except AssertionError as wrong:
            self._notes.faults.append(str(wrong))
        finally:
            self._notes.due.set()  # nobody waits for a writer that gave up

    def _begin(self, fhir: httpx.Client) -> None:
        life = Life(f"Basic/{self.name}-{self._number}")
        self._mine.append(life)
        self._notes.lives.append(life)
        self._put(fhir, life)

    def _change(self, fhir: httpx.Client) -> None:
        self._put(fhir, self._random.choice(self._mine)) if self._mine else self._begin(fhir)

    def _put(self, fhir: httpx.Client, life: Life) -> None:
        id = life.address.split("/")[1]
        content = _basic(f"content {self._number}") | {"id": id}
        life.doubtful.append(content)
        _written(fhir.put(life.address, json=content))
        life.versions.append(life.doubtful.pop())

    def _delete(self, fhir: httpx.Client) -> None:
        alive = [life for life in self._mine if life.versions[-1:] != [None]]
        if not alive:
            self._begin(fhir)
            return
        life = self._random.choice(alive)
        life.doubtful.append(None)
        _written(fhir.delete(life.address))
        life.versions.append(life.doubtful.pop())

    def _create(self, fhir: httpx.Client) -> None:
        work = self._work(1)
        _written(fhir.post("Basic", json=_basic("created") | _tagged(work.tag)))
        work.answered = True

    def _transaction(self, fhir: httpx.Client) -> None:
        work = self._work(SIZE)
        _written(fhir.post("", json=_bundle(work.tag)))
        work.answered = True

    def _work(self, size: int) -> Work:
        work = Work(f"{self.name}-{self._number}", size)
        self._notes.works.append(work)
        return work


def _written(response: httpx.Response) -> None:
    assert response.status_code in (200, 201, 204), response.text


def _basic(text: str) -> Resource:
    return {"resourceType": "Basic", "code": {"text": text}}


def _tagged(tag: str) -> Resource:
    return {"meta": {"tag": [{"system": SYSTEM, "code": tag}]}}


def _bundle(tag: str) -> Resource:
    """A patient, observations of that patient, and a resource whose id is given."""
    urn = "urn:uuid:0c2f9a52-55d1-4d6e-9c0f-8f4f0c5a7e11"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": tag}}
    linked = observation | {"subject": {"reference": urn}} | _tagged(tag)
    entries = [{"resource": linked, "request": {"method": "POST", "url": "Observation"}}] * 5
    patient = {"resourceType": "Patient"} | _tagged(tag)
    given = _basic(tag) | _tagged(tag) | {"id": f"given-{tag}"}
    entries = [
        *entries,
        {"resource": patient, "fullUrl": urn, "request": {"method": "POST", "url": "Patient"}},
        {"resource": given, "request": {"method": "PUT", "url": f"Basic/given-{tag}"}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


# What is left


@dataclass
class Left:
    """The record after a restart, read in three ways."""

    histories: dict[str, list[Resource | None]]  # by address, the oldest first
    searched: dict[str, Resource]
    fhir: httpx.Client

    def faults(self, notes: Notes) -> Iterator[str]:
        """Everything that is not as it was answered, or half there."""
        yield from notes.faults
        yield from self._index()
        for life in notes.lives:
            yield from self._life(life)
        by_tag = _by_tag(self.searched.values())
        written = _by_tag(each for many in self.histories.values() for each in many)
        for work in notes.works:
            found = by_tag[work.tag]
            if found != written[work.tag]:
                yield f"{work}: the index has {found}, the record {written[work.tag]}"
            if len(found) not in ((work.size,) if work.answered else (0, work.size)):
                yield f"{work}: {len(found)} resources are there: {found}"

    def _index(self) -> Iterator[str]:
        """Where search and record disagree."""
        current = {address: many[-1] for address, many in self.histories.items() if many[-1]}
        for address in current.keys() | self.searched.keys():
            found, kept = self.searched.get(address), current.get(address)
            if found != kept:
                yield f"{address}: a search finds {found}, the record has {kept}"

    def _life(self, life: Life) -> Iterator[str]:
        told = [_content(each) for each in self.histories.get(life.address, [])]
        if told not in (life.versions, life.versions + life.doubtful):
            yield f"{life}: its history is {told}"
        read = self.fhir.get(life.address)
        last = told[-1] if told else None
        if last is None and read.status_code not in (404, 410):
            yield f"{life}: read {read.status_code}"
        if last is not None and (
            read.status_code != 200
            or _content(read.json()) != last
            or read.headers["etag"] != f'W/"{len(told)}"'
        ):
            yield f"{life}: read {read.status_code} {read.headers.get('etag')} {read.text}"


def left(fhir: httpx.Client) -> Left:
    histories: dict[str, list[Resource | None]] = defaultdict(list)
    for bundle in pages(fhir, "_history?_count=1000"):
        for entry in bundle.get("entry", []):
            address = "/".join(entry["fullUrl"].split("/")[-2:])
            histories[address].insert(0, entry.get("resource"))
    searched = {
        "/".join(entry["fullUrl"].split("/")[-2:]): entry["resource"]
        for bundle in pages(fhir, f"?_type={TYPES}&_count=1000")
        for entry in bundle.get("entry", [])
    }
    return Left(histories, searched, fhir)


def _content(resource: Resource | None) -> Resource | None:
    return resource and {name: value for name, value in resource.items() if name != "meta"}


def _by_tag(resources: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in resources:
        for tag in (each or {}).get("meta", {}).get("tag", []):
            found[tag["code"]].add(f"{each['resourceType']}/{each['id']}")
    return found


def written_until_killed(root: str, name: str, answers: int, kill: Callable[[], None]) -> Notes:
    """Let writers write, kill the server after so many answers, and say what they noted."""
    notes = Notes(answers)
    writers = [
        threading.Thread(target=Writer(root, f"{name}-{number}", notes).run)
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    notes.due.wait()
    kill()
    for writer in writers:
        writer.join(120)
        assert not writer.is_alive()
    return notes
