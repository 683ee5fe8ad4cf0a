"""The numbers of what rows name, as the record has them: none is made."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any

from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.numbering import TEXT_ALONE, UNKNOWN

REMEMBERED = 50_000
_NONE = -1 << 30  # from here downwards: numbers of what has none, so that no row has them


class Known:
    """The Numbers of `rows.py`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._none = count(_NONE, -1)
        self.missing = 0
        self._numbers: dict[tuple[str, Row], int] = {("system", ("",)): 0}
        self._wanted: dict[str, set[Row]] = defaultdict(set)  # by table

    def forget(self) -> None:
        """Before memory grows without end."""
        if len(self._numbers) > REMEMBERED:
            self._numbers = {("system", ("",)): 0}

    def term(self, p: int, code: str, system: str | None, text: str = "") -> int:
        return self._number("term", (p, code, system, text))

    def unit(self, system: str, code: str, unit: str) -> int:
        return self._number("unit", (system, code, unit))

    def resource(self, rt: int, id: str) -> int:
        return self._number("res", (rt, id))

    def resolve(self) -> None:
        systems = {(system,) for _, _, system, _ in self._wanted["term"] if system is not None}
        new = {each for each in systems if ("system", each) not in self._numbers}
        self._look_up("system", ("uri",), "sys", {key: key for key in new})
        terms = {
            (p, code, system, text): (p, code, self._system(system), text)
            for p, code, system, text in self._wanted.pop("term")
        }
        self._look_up("term", ("p", "code", "sys", "text"), "tid", terms)
        units = {key: key for key in self._wanted.pop("unit", ())}
        self._look_up("unit", ("system", "code", "unit"), "u", units)
        resources = {(rt, id): (rt, pack_id(id)) for rt, id in self._wanted.pop("res", ())}
        self._look_up("res", ("rt", "id"), "rid", resources)
        self.missing = 0

    def _system(self, uri: Any) -> int:
        return TEXT_ALONE if uri is None else self._numbers["system", (uri,)]

    def _look_up(
        self, table: str, columns: tuple[str, ...], number: str, keys: dict[Row, Row]
    ) -> None:
        """`keys`: how each is named here, and in the table."""
        if keys:
            found = self._database.lookup(table, columns, number, list(keys.values()))
            for key, each in zip(keys, found, strict=True):
                self._numbers[table, key] = next(self._none) if each is None else each

    def _number(self, table: str, key: Row) -> int:
        number = self._numbers.get((table, key))
        if number is None:
            self._wanted[table].add(key)
            self.missing += 1
            return UNKNOWN
        return number
