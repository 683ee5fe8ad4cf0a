"""Writes the files of a $export: one NDJSON file a type, of the record at one moment
(FHIR Bulk Data Access 2.0.0, "Bulk Data Output").

Runs in a thread and an event loop of its own. Everything is read as of the job's snapshot, so
the files fit together however long the writing takes and whatever is written meanwhile.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Final

import msgspec

from xinglin.fhir.r4.model import RESOURCE_TYPES, compartments
from xinglin.fhir.search.tree import Compartment, Query
from xinglin.server.bulk.filters import Chosen
from xinglin.server.bulk.jobs import Job, Jobs, Output
from xinglin.store.face import UNRESTRICTED, Store, Version

_PAGE: Final = 1000
_WHOLE: Final = 10_000_000  # resources: a patient's record is read in one go
_FASTEST: Final = 1


async def export(store: Store, jobs: Jobs, job: Job, chosen: Chosen) -> None:
    """Write the files, and enter them into the job.

    Raises:
        Cancelled: the job was removed meanwhile.
    """
    with ExitStack() as stack:
        files = _Files(jobs, job, stack)
        async for versions in _asked(store, job):
            recent = [v for v in versions if job.since is None or v.t // 1000 >= job.since]
            for version in recent:
                if version.content is None:
                    files.write("deleted", _deletion(version))
            for version in await chosen([v for v in recent if v.content is not None]):
                files.write(version.type, version.content or b"")
    files.enter()


class _Entity(msgspec.Struct):
    reference: str = ""


class _Member(msgspec.Struct):
    entity: _Entity


class _Group(msgspec.Struct):
    member: list[_Member] = []


class _Files:
    """The files being written, by type."""

    def __init__(self, jobs: Jobs, job: Job, stack: ExitStack) -> None:
        self._jobs = jobs
        self._job = job
        self._stack = stack
        self._open: dict[str, gzip.GzipFile] = {}
        self._counts: dict[str, int] = {}
        self._written = 0

    def write(self, name: str, line: bytes) -> None:
        if name not in self._open:
            path = self._jobs.path(self._job, f"{name}.ndjson.gz")
            path.unlink(missing_ok=True)  # a server that lost its turn may not yet know it
            file = gzip.open(path, "wb", _FASTEST)  # noqa: SIM115  (the stack closes it)
            self._open[name] = self._stack.enter_context(file)
            self._counts[name] = 0
        self._open[name].write(line + b"\n")
        self._counts[name] += 1
        self._written += 1
        if self._written % _PAGE == 0:
            self._jobs.check(self._job)
            self._job.progress = f"{self._written} ({name})"
            self._jobs.save(self._job)

    def enter(self) -> None:
        outputs = [Output(n, f"{n}.ndjson", count) for n, count in sorted(self._counts.items())]
        self._job.output = [output for output in outputs if output.type != "deleted"]
        self._job.deleted = [
            Output("Bundle", o.file, o.count) for o in outputs if o.type == "deleted"
        ]


async def _asked(store: Store, job: Job) -> AsyncIterator[Sequence[Version]]:
    """By pages of one type each."""
    types = job.types or RESOURCE_TYPES
    if job.patients == "none":
        for name in types:
            async for versions in of_type(store, name, job.snapshot):
                # What was deleted matters to one who has a copy from before, to nobody else.
                yield [v for v in versions if v.content is not None or job.since is not None]
        return
    members = compartments()["Patient"]
    within = tuple(name for name in types if name in members)
    if not within:
        return
    seen: set[tuple[str, str]] = set()  # what concerns several patients comes once
    async for patient in _patients(store, job):
        query = Query(within, Compartment("Patient", patient), count=_WHOLE, at=job.snapshot)
        hits = (await store.search(UNRESTRICTED, query)).hits
        new = [v for v in hits if (v.type, v.id) not in seen]
        seen.update((v.type, v.id) for v in new)
        for _, same in groupby(sorted(new, key=_type), key=_type):
            yield list(same)


async def of_type(store: Store, name: str, at: int) -> AsyncIterator[Sequence[Version]]:
    """All of a type as they were at a millisecond, deletions too, by pages."""
    cursor = None
    while True:
        page = await store.history(UNRESTRICTED, name, count=_PAGE, at=(at, at), cursor=cursor)
        yield page.versions
        if page.next is None:
            return
        cursor = page.next


async def _patients(store: Store, job: Job) -> AsyncIterator[str]:
    if job.patients == "group":
        group = await store.read(UNRESTRICTED, "Group", job.group, at=job.snapshot)
        content = group.content if group else None
        members = msgspec.json.decode(content or b"{}", type=_Group).member
        named = (member.entity.reference.partition("/") for member in members)
        for id in dict.fromkeys(id for type, _, id in named if type == "Patient"):
            yield id
        return
    async for versions in of_type(store, "Patient", job.snapshot):
        for version in versions:
            if version.content is not None:
                yield version.id


def _type(version: Version) -> str:
    return version.type


def _deletion(version: Version) -> bytes:
    """A line of the deleted resources: a transaction that deletes it."""
    return (
        '{"resourceType":"Bundle","type":"transaction","entry":[{"request":'
        f'{{"method":"DELETE","url":"{version.type}/{version.id}"}}}}]}}'
    ).encode()
