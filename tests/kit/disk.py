"""A disk that fails when a test says so, below SQLite: files lie in a cache that all reads see, and
only what was synced is on the platter, which is all that a loss of power leaves.

As on Linux (since 4.13): when writing back fails, the pages count as clean all the same, and the
error is told once, to the next fsync. What an fsync after that one says is no news of those pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import apsw

BLOCK = 4096


@dataclass(eq=False)
class Platter:
    """What of one file is on the disk."""

    content: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)  # blocks that are in the cache only
    doubtful: set[int] = field(default_factory=set)  # and of which the cache says that they are not
    failed: bool = False  # writing back failed, and no fsync has told it yet


class FailingDisk(apsw.VFS):
    """Every SQLite file that is opened while it is in place."""

    def __init__(self) -> None:
        self.platters: dict[str, Platter] = defaultdict(Platter)
        self.failing: set[str] = set()  # endings of names whose next fsync fails
        self.unwritable: str | None = None  # ending of the names that nothing can be written to
        super().__init__("failing", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else (name or "")
        return _File(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.platters.pop(filename, None)

    def fail_next(self, ending: str) -> None:
        """The next fsync of such a file fails."""
        self.failing.add(ending)

    def write_back_fails(self) -> None:
        """The system itself writes what waits, as it does after a while, and fails."""
        for platter in self.platters.values():
            if platter.dirty:
                platter.doubtful |= platter.dirty
                platter.dirty.clear()
                platter.failed = True

    def lose_power(self, folder: Path, chance: Random) -> None:
        """Put what is on the platter into a folder; of what was never confirmed some is there,
        in any order."""
        folder.mkdir()
        for name, platter in self.platters.items():
            content = bytearray(platter.content)
            for block in sorted(platter.dirty | platter.doubtful):
                if chance.random() < 0.5:
                    _copy(Path(name), block, content)
            (folder / Path(name).name).write_bytes(content)

    def sync(self, name: str) -> None:
        platter = self.platters[name]
        asked = {ending for ending in self.failing if name.endswith(ending)}
        if asked or platter.failed:
            self.failing -= asked
            platter.failed = False
            platter.doubtful |= platter.dirty
            platter.dirty.clear()
            raise _failure("fsync", apsw.SQLITE_IOERR_FSYNC)
        for block in platter.dirty:
            _copy(Path(name), block, platter.content)
        platter.doubtful -= platter.dirty
        platter.dirty.clear()


class _File(apsw.VFSFile):
    def __init__(
        self, disk: FailingDisk, path: str, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk = disk
        self._path = path
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        unwritable = self._disk.unwritable
        if unwritable is not None and self._path.endswith(unwritable):
            raise _failure("write", apsw.SQLITE_IOERR_WRITE)
        super().xWrite(data, offset)
        last = (offset + len(data) - 1) // BLOCK
        self._disk.platters[self._path].dirty |= set(range(offset // BLOCK, last + 1))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        del self._disk.platters[self._path].content[newsize:]

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.sync(self._path)


def _copy(path: Path, block: int, content: bytearray) -> None:
    with path.open("rb") as file:
        file.seek(block * BLOCK)
        data = file.read(BLOCK)
    start = block * BLOCK
    if len(content) < start:
        content.extend(bytes(start - len(content)))
    content[start : start + len(data)] = data


def _failure(what: str, code: int) -> apsw.IOError:
    error = apsw.IOError(what)
    error.extendedresult = code  # type: ignore[attr-defined]
    return error


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    try:
        yield disk
    finally:
        disk.unregister()
