"""A real disk that a test can fill: a small tmpfs in a mount namespace of its own, which goes with
the process that holds it. Needs root, as in a container."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.mortal import child

_MOUNT = 'mount -t tmpfs -o size="$2" none "$1" && touch "$1/here" && exec sleep infinity'
_PIECE = 64 << 10


class SmallDisk:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.folder = folder  # as it is called inside
        self.within: Sequence[str] = ("nsenter", "-t", str(process.pid), "-m", "--")
        self.outside = Path(f"/proc/{process.pid}/root{folder}")  # the same, for everybody else

    def fill(self) -> None:
        """Until not a byte more goes in."""
        piece = _PIECE
        with (self.outside / "ballast").open("ab", buffering=0) as file:
            while piece:
                try:
                    file.write(bytes(piece))
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    piece //= 2

    def free(self) -> None:
        (self.outside / "ballast").unlink()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    tried = ("unshare", "-m", "true")
    if subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    command = ["unshare", "-m", "sh", "-c", _MOUNT, "sh", str(folder), size]
    with (folder.parent / "disk.log").open("wb") as log:
        process = child(command, log, {})
    try:
        disk = SmallDisk(process, folder)
        while not (disk.outside / "here").exists():
            assert process.poll() is None, "the disk could not be mounted"
        yield disk
    finally:
        process.kill()
        process.wait()
