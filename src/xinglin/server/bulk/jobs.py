"""Jobs that outlive the request that asked for them (FHIR Bulk Data Access 2.0.0, "Bulk Data
Status Request"; FHIR R4, Asynchronous Request Pattern).

A job is a folder below the data folder: what was asked, how far it is, and its files. The
folder is all that requests and the worker share, so a job that a restart interrupted is simply
found and begun again, and one whose folder is gone was cancelled.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal
from uuid import uuid4

import msgspec

from xinglin.fhir.outcome import Issue, Refused

KEPT: Final = 24 * 3600 * 1_000_000  # µs after its end that a job and its files are kept

_ID: Final = re.compile(r"[A-Za-z0-9\-]{1,64}")
_FILE: Final = re.compile(r"[A-Za-z]{1,64}\.ndjson")
_STATE: Final = "job.json"
_MARK: Final = "mark"  # beside the folder, in which there are jobs alone


class Output(msgspec.Struct):
    """A file of a job. An import has none of what it took in: then `file` is empty."""

    type: str
    file: str
    count: int


class Job(msgspec.Struct, kw_only=True):
    id: str
    kind: Literal["export", "import", "reindex"]
    request: str  # the address that it was asked for by
    begun: int  # µs since 1970-01-01T00:00Z
    ended: int | None = None
    failed: bool = False
    refused: str = ""  # OperationOutcome: why what was asked cannot be done
    types: list[str] = []
    filters: list[str] = []  # of _typeFilter
    since: int | None = None  # ms
    patients: Literal["none", "all", "group"] = "none"
    group: str = ""
    snapshot: int = 0  # ms: the record is exported as it was then
    progress: str = ""
    lines: int = 0  # of an import, taken in so far
    reported: int = 0  # bytes of the report on refused lines, so far
    output: list[Output] = []
    errors: list[Output] = []
    deleted: list[Output] = []


class Cancelled(Exception):  # noqa: N818
    """The folder of the job is gone."""


class Jobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "bulk"

    def add(self, job: Job, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Raises: Refused when the disk is full or failing."""
        try:
            (self._folder / job.id).mkdir(parents=True)
            for name, content in files.items():
                self.path(job, name).write_bytes(content)
            self.save(job)  # last: from here on the worker finds it
        except (OSError, Refused) as error:
            self.remove(job.id)
            raise _cannot_keep() from error

    def mark(self) -> str:
        """By which the folder is known to be the same, wherever a server finds it."""
        path = self._folder.with_name(_MARK)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{uuid4()}")
            fresh.write_text(str(uuid4()))
            with suppress(FileExistsError):  # another server was faster
                path.hardlink_to(fresh)
            fresh.unlink()
        return path.read_text()

    def save(self, job: Job) -> None:
        """Raises: Cancelled; Refused when the disk is full or failing."""
        state = self._folder / job.id / _STATE
        fresh = state.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(job))
            fresh.replace(state)  # at once: never half a state on disk
        except FileNotFoundError as error:
            raise Cancelled(job.id) from error
        except OSError as error:
            raise _cannot_keep() from error

    def get(self, id: str) -> Job | None:
        if not _ID.fullmatch(id):
            return None
        try:
            return msgspec.json.decode((self._folder / id / _STATE).read_bytes(), type=Job)
        except FileNotFoundError:
            return None

    def remove(self, id: str) -> None:
        """Also cancels it, if it is under way."""
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def path(self, job: Job, file: str) -> Path:
        return self._folder / job.id / file

    def file(self, job: Job, name: str) -> Path | None:
        """A file that was written for the client, compressed or not; None for any other name."""
        if not _FILE.fullmatch(name):
            return None
        paths = self.path(job, f"{name}.gz"), self.path(job, name)
        return next((path for path in paths if path.is_file()), None)

    def check(self, job: Job) -> None:
        """Raises: Cancelled."""
        if not self.path(job, _STATE).exists():
            raise Cancelled(job.id)

    def waiting(self) -> list[Job]:
        """Jobs that have not ended, in the order in which they were asked for."""
        return sorted((j for j in self._all() if j.ended is None), key=lambda job: job.begun)

    def sweep(self, now: int) -> None:
        """Remove jobs whose time is over."""
        for job in self._all():
            if job.ended is not None and job.ended + KEPT < now:
                self.remove(job.id)

    def _all(self) -> Iterator[Job]:
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                job = self.get(folder.name)
                if job is not None:
                    yield job


def _cannot_keep() -> Refused:
    return Refused(Issue("transient", "server.job-cannot-be-kept"))
