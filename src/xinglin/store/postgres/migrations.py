"""The steps from each earlier schema of the record in PostgreSQL to the next.

The first that there was is 2, by the numbers of the embedded store, so there is none yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xinglin.store.relational.database import Database

STEPS: Mapping[int, Callable[[Database], None]] = {}
