"""Index rows on their way to the tables: what a unit of work adds and takes away."""

from __future__ import annotations

from collections import Counter

import apsw

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


class IndexBatch:
    """Rows wait in memory and go to the tables together and in key order, because sorted
    insertion touches each page of a B-tree once."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._insert: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self._delete: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self._compartment: list[Row] = []
        self._live: Counter[int] = Counter()
        self._empty = True

    def count(self, rt: int, change: int) -> None:
        """The number of resources of this type changes."""
        self._empty = False
        self._live[rt] += change

    def join(self, patient: int, rid: int) -> None:
        """The resource is, or once was, in the compartment of this patient."""
        self._compartment.append((patient, rid))

    def add(self, rows: Rows) -> None:
        self._empty = False
        insert = self._insert
        insert["ix"] += rows.ix
        insert["link"] += rows.link
        insert["dt"] += rows.dt
        insert["pd"] += rows.pd
        insert["qn"] += rows.qn
        insert["st"] += rows.st

    def replace(self, old: Rows, new: Rows | None) -> None:
        self._empty = False
        for table in COLUMNS:
            before: set[Row] = set(getattr(old, table))
            after: set[Row] = set() if new is None else set(getattr(new, table))
            self._delete[table] += before - after
            self._insert[table] += after - before

    def flush(self) -> None:
        if self._empty:
            return
        many = self._connection.executemany
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
            many("INSERT OR IGNORE INTO comp (c, rid) VALUES (?, ?)", self._compartment)
            self._compartment.clear()
        many(
            "UPDATE type SET live = live + ? WHERE rt = ?",
            [(change, rt) for rt, change in self._live.items()],
        )
        self._live.clear()
        self._empty = True
