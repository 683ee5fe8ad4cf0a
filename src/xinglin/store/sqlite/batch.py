"""What a unit of work writes, on its way to the tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import apsw

from xinglin.store.sqlite.bodies import NONE, Packer
from xinglin.store.sqlite.rows import COLUMNS, Row, Rows

_INSERT = {
    table: f"INSERT OR IGNORE INTO {table} ({', '.join(names)})"
    f" VALUES ({', '.join('?' * len(names))})"
    for table, names in COLUMNS.items()
}
_DELETE = {
    table: f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    for table, names in COLUMNS.items()
}
_RESOURCE = (
    "INSERT INTO res (rid, rt, id, seq, v, live, d, span, has) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CURRENT = "UPDATE res SET seq = ?, v = ?, live = ?, d = ?, span = ?, has = ? WHERE rid = ?"
_VERSION = """INSERT INTO ver (seq, t, rt, rid, v, method, dict, body)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class Batch:
    """Rows wait in memory and go to the tables together and in key order, because sorted
    insertion touches each page of a B-tree once. Who reads what it has written flushes first.
    """

    def __init__(self, connection: apsw.Connection, packer: Packer) -> None:
        self._connection = connection
        self._packer = packer
        self._fresh: dict[int, list[Any]] = {}  # rid to the columns of `_RESOURCE`
        self._current: dict[int, Row] = {}  # rid to the columns of `_CURRENT`
        self._versions: list[list[Any]] = []  # the columns of `_VERSION`
        self._bodies: dict[int, list[tuple[list[Any], bytes]]] = defaultdict(list)
        self._past: list[Row] = []
        self._insert: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self._delete: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self._compartment: list[Row] = []
        self._live: Counter[int] = Counter()

    def name(self, rid: int, rt: int, id: str | bytes) -> None:
        """A resource that the record did not know: so far only referred to."""
        self._fresh[rid] = [rid, rt, id, None, None, None, None, None, None]

    def written(self, rid: int) -> bool:
        """Whether a version of the resource waits here."""
        fresh = self._fresh.get(rid)
        return rid in self._current or (fresh is not None and fresh[3] is not None)

    def version(self, row: list[Any], stored: bytes | None) -> None:
        """A new version: columns of `ver` but for dictionary and body."""
        row += (NONE, None)
        self._versions.append(row)
        if stored is not None:
            self._bodies[row[2]].append((row, stored))

    def current(self, rid: int, rt: int, now: Row, *, change: int) -> None:
        """The state of a resource (seq, v, live, d, span, has); `change`: of how many there are."""
        fresh = self._fresh.get(rid)
        if fresh is not None:
            fresh[3:] = now
        else:
            self._current[rid] = (*now, rid)
        if change:
            self._live[rt] += change

    def superseded(self, rid: int, v: int, seq: int) -> None:
        self._past.append((rid, v, seq))

    def leave(self, patient: int, rid: int) -> None:
        """The resource is no longer in the compartment of this patient."""
        self._compartment.append((patient, rid))

    def add(self, rows: Rows) -> None:
        insert = self._insert
        insert["ix"] += rows.ix
        insert["link"] += rows.link
        insert["dt"] += rows.dt
        insert["pd"] += rows.pd
        insert["qn"] += rows.qn
        insert["st"] += rows.st

    def replace(self, old: Rows, new: Rows | None) -> None:
        for table in COLUMNS:
            before: set[Row] = set(getattr(old, table))
            after: set[Row] = set() if new is None else set(getattr(new, table))
            self._delete[table] += before - after
            self._insert[table] += after - before

    def flush(self) -> None:
        many = self._connection.executemany
        if self._fresh:
            many(_RESOURCE, self._fresh.values())
            self._fresh.clear()
        if self._versions:
            self._pack()
            many(_VERSION, self._versions)
            self._versions.clear()
        if self._current:
            many(_CURRENT, self._current.values())
            self._current.clear()
        if self._past:
            many("INSERT INTO past (rid, v, seq) VALUES (?, ?, ?)", self._past)
            self._past.clear()
        for table in COLUMNS:
            gone, fresh = self._delete[table], self._insert[table]
            if gone:
                many(_DELETE[table], sorted(gone))
                gone.clear()
            if fresh:
                fresh.sort()
                many(_INSERT[table], fresh)
                fresh.clear()
        if self._compartment:
            many("INSERT OR IGNORE INTO comp (c, rid) VALUES (?, ?)", sorted(self._compartment))
            self._compartment.clear()
        if self._live:
            changes = [(change, rt) for rt, change in self._live.items()]
            many("UPDATE type SET live = live + ? WHERE rt = ?", changes)
            self._live.clear()

    def _pack(self) -> None:
        for rt, waiting in self._bodies.items():
            number, packed = self._packer.pack(rt, [stored for _, stored in waiting])
            for (row, _), body in zip(waiting, packed, strict=True):
                row[-2:] = number, body
        self._bodies.clear()
