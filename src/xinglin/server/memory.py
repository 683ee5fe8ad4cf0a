"""Memory that large requests needed goes back to the system (glibc; elsewhere nothing is done).

By itself the allocator keeps what was freed between what is still in use: after one transaction
of some megabytes the process would stay as large as it was at its peak.
"""

from __future__ import annotations

import asyncio
import ctypes
from functools import cache
from typing import Final

LARGE: Final = 1 << 20  # bytes of a body; from here on it is worth the milliseconds

_SOON: Final = 0.5  # seconds

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


@cache
def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


def settle() -> None:
    """Set the allocator up once, before the threads start: large blocks come from the system and
    go back to it one by one, and threads share their heaps."""
    if library := _glibc():
        library.mallopt(_M_MMAP_THRESHOLD, 256 << 10)
        library.mallopt(_M_TRIM_THRESHOLD, 1 << 20)
        library.mallopt(_M_ARENA_MAX, 2)


def give_back_soon() -> None:
    """After a large request, when nothing refers to it any more: what is free is the system's."""
    if library := _glibc():
        asyncio.get_running_loop().call_later(_SOON, library.malloc_trim, 0)
