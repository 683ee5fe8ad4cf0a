"""Backups as files: written, restored and looked at, wherever the record lies."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.places import new_record, open_database
from xinglin.store.relational import backup, restoring
from xinglin.store.relational.backup import Contents, Watch, unwatched
from xinglin.store.whole import PART, whole


def write(
    place: Path | str, file: Path, *, made: int, over: bool = False, watch: Watch = unwatched
) -> Contents:
    """The record as it is now, in a file that is there when it is complete and on disk.

    Args:
        made: the time (µs since 1970-01-01T00:00Z), for the manifest.
        over: a file of this name may be replaced.

    Raises: as `open_database`; Refused where the file is there; OSError.
    """
    if file.exists() and not over:
        given: dict[str, str | int] = {"file": str(file)}
        raise Refused(Issue("conflict", "store.file-there", given=given))
    with (
        NamedTemporaryFile(
            dir=file.parent, prefix=f"{file.name}.", suffix=PART, delete=False
        ) as out,
        whole(file, Path(out.name)),
    ):
        contents = pour(place, out.file, made=made, watch=watch)
        out.flush()
    return contents


def pour(place: Path | str, out: IO[bytes], *, made: int, watch: Watch = unwatched) -> Contents:
    """The same into anything that takes bytes. Raises: as `open_database`; OSError."""
    with open_database(place) as database:
        return backup.back_up(database, out, made=made, by=version("xinglin"), watch=watch)


def restore(file: IO[bytes], place: Path | str, *, watch: Watch = unwatched) -> Contents:
    """Make a record from a backup, where there is none.

    Raises: as `new_record`; Refused where the file cannot be used; OSError.
    """
    return restoring.restore(file, new_record(place), watch)


check = backup.check
