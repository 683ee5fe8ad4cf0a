"""A file that is there whole, or not at all (POSIX rename; fsync of the file and of its folder)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

PART = ".part"  # ends the name of what is not complete


@contextmanager
def whole(file: Path, part: Path) -> Iterator[None]:
    """Inside, `part` is written. It becomes `file`, and is on disk, when the block ends well;
    else it is removed, with whatever was made beside it under its name."""
    try:
        yield
        _sync(part)
        part.replace(file)
        _sync(file.parent)
    finally:
        for left in part.parent.glob(f"{escape(part.name)}*"):
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
