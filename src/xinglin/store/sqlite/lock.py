"""A data folder belongs to one process: a lock that the kernel gives back when it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

NAME = "lock"


class FolderInUse(Exception):  # noqa: N818
    """Another process has the folder. `address` is where it serves, when it said so."""

    def __init__(self, folder: Path, address: str | None) -> None:
        super().__init__(f"{folder} is in use" + (f" by {address}" if address else ""))
        self.folder = folder
        self.address = address


class FolderLock:
    """Held from construction to `release`.

    Raises:
        FolderInUse: when another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            address = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise FolderInUse(folder, address or None) from None
        os.truncate(self._file, 0)

    def announce(self, address: str) -> None:
        """Let others know where the folder's server listens, as far as the disk allows it."""
        with suppress(OSError):
            os.truncate(self._file, 0)
            os.pwrite(self._file, address.encode(), 0)

    def release(self) -> None:
        os.truncate(self._file, 0)
        os.close(self._file)
