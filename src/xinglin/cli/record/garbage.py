"""Looking for cycles less often, while a command works through a whole record.

Parsing makes many objects and few cycles: looking for them as often as Python does by default
takes a third of the time of an import.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OBJECTS: Final = 100_000  # made, before Python looks again


@contextmanager
def seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
