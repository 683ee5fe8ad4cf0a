"""A backup is made by a process of its own: reading millions of rows would hold up requests.

A thread of this one would take turns with them at the interpreter's lock; another process has
its own, and a lower priority.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from xinglin.server.backups.keeping import PARTS
from xinglin.server.backups.order import Made, Order

_COMMAND: Final = (sys.executable, "-m", "xinglin.server.backups.child")


class Failed(Exception):  # noqa: N818
    """There is no backup; says why."""


async def make(place: Path | str, file: Path, made: int) -> Made:
    """Write a backup of the record there.

    Raises: Failed.
    """
    order = msgspec.json.encode(Order(str(place), str(file), made))
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: ASYNC220, S603  (takes a millisecond, and nothing from outside)
    except OSError as error:
        raise Failed(str(error)) from error
    try:
        out, said = await asyncio.to_thread(child.communicate, order)
    finally:
        child.kill()  # when the server stops; nothing, when it has ended
        child.wait()
    if child.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise Failed(lines[-1] if lines else f"ended with {child.returncode}")
    return msgspec.json.decode(out, type=Made)


def sweep(folder: Path) -> None:
    """Remove what was left of backups that came to nothing."""
    for part in folder.glob(PARTS):
        part.unlink(missing_ok=True)
