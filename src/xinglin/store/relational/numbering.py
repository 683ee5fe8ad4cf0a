"""Numbers for what is written: systems, terms, units and resources, which are made when they
are missing.

A resource has a dozen of them, and a question to the database for each would cost more than all
else. So a number that is not in memory is given as 0 and noted, `resolve` asks for all that were
noted at once, and whoever got a 0 asks again. What a failed work made is forgotten by `undo`.
"""

from __future__ import annotations

from typing import Any

from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import pack_id

REMEMBERED = 8_000  # keys that each memory may hold between two works
TEXT_ALONE = -1  # the system of a text that has no code
UNKNOWN = 0

Term = tuple[int, str, str | None, str]  # parameter p, code, system uri, text
Unit = tuple[str, str, str]  # system, code, unit
Named = tuple[int, str]  # type rt, id


class Numbering:
    """Of the one writer. `rid` and `tid` are the last numbers that were given."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rid = 0
        self.tid = 0
        self.named: list[tuple[int, int, bytes]] = []  # resources (rid, rt, id) not yet in `res`
        self.missing = 0  # how many numbers could not be given since `resolve`
        self._systems: dict[str, int] = {"": 0}
        self._units: dict[Unit, int] = {}
        self._terms: dict[Term, int] = {}
        self._resources: dict[Named, int] = {}
        self._wanted_units: set[Unit] = set()
        self._wanted_terms: set[Term] = set()
        self._wanted_resources: set[Named] = set()
        self._made: list[tuple[dict[Any, int], Any]] = []

    def begin(self, rid: int, tid: int) -> None:
        """The last numbers of the record, which other writers may have moved on."""
        self.rid, self.tid = rid, tid

    def keep(self) -> None:
        """What was made stays in memory."""
        self._made.clear()
        for memory in (self._units, self._terms, self._resources):
            if len(memory) > REMEMBERED:
                memory.clear()

    def undo(self, rid: int, tid: int) -> None:
        """Forget what was made since `keep`, which the database has rolled back."""
        for memory, key in self._made:
            memory.pop(key, None)
        self._made.clear()
        self.named.clear()
        self._forget_wishes()
        self.rid, self.tid = rid, tid

    def term(self, p: int, code: str, system: str | None, text: str = "") -> int:
        """The term of a code in a system ("" none) with a display; system None: text alone."""
        key = (p, code, system, text)
        tid = self._terms.get(key)
        if tid is None:
            self._wanted_terms.add(key)
            self.missing += 1
            return UNKNOWN
        return tid

    def unit(self, system: str, code: str, unit: str) -> int:
        key = (system, code, unit)
        u = self._units.get(key)
        if u is None:
            self._wanted_units.add(key)
            self.missing += 1
            return UNKNOWN
        return u

    def resource(self, rt: int, id: str) -> int:
        """The `rid` of a resource, which need not exist."""
        rid = self._resources.get((rt, id))
        if rid is None:
            self._wanted_resources.add((rt, id))
            self.missing += 1
            return UNKNOWN
        return rid

    def known(self, rt: int, id: str) -> int | None:
        """The number of a resource, if it is in memory."""
        return self._resources.get((rt, id))

    def remember(self, rt: int, id: str, rid: int) -> None:
        self._resources[(rt, id)] = rid

    def new_resource(self, rt: int, id: str) -> int:
        """The `rid` of a resource of which the database knows nothing."""
        key = (rt, id)
        rid = self._resources.get(key)
        if rid is None:
            self.rid += 1
            rid = self._resources[key] = self.rid
            self._made.append((self._resources, key))
            self.named.append((rid, rt, pack_id(id)))
        return rid

    def resolve(self) -> None:
        """Look up, or make, everything that was missing."""
        self._resolve_terms()
        if self._wanted_units:
            units = sorted(self._wanted_units)
            found = self._identified("unit", ("system", "code", "unit"), "u", units)
            for unit, u in zip(units, found, strict=True):
                self._take(self._units, unit, u)
        if self._wanted_resources:
            wanted = sorted(self._wanted_resources)
            keys = [(rt, pack_id(id)) for rt, id in wanted]
            numbers = self._database.lookup("res", ("rt", "id"), "rid", keys)
            for (rt, id), rid in zip(wanted, numbers, strict=True):
                if rid is None:
                    self.new_resource(rt, id)
                else:
                    self._resources[(rt, id)] = rid
        self._forget_wishes()

    def _forget_wishes(self) -> None:
        self._wanted_terms.clear()
        self._wanted_units.clear()
        self._wanted_resources.clear()
        self.missing = 0

    def _resolve_terms(self) -> None:
        if not self._wanted_terms:
            return
        wanted = list(self._wanted_terms)
        self._resolve_systems({system for _, _, system, _ in wanted if system is not None})
        keys = [
            (p, code, TEXT_ALONE if system is None else self._systems[system], text)
            for p, code, system, text in wanted
        ]
        columns = ("p", "code", "sys", "text")
        rows = []
        for term, key, tid in zip(
            wanted, keys, self._database.lookup("term", columns, "tid", keys), strict=True
        ):
            if tid is None:
                self.tid += 1
                rows.append((*key, self.tid))
                self._take(self._terms, term, self.tid)
            else:
                self._terms[term] = tid
        if rows:
            self._database.insert("term", (*columns, "tid"), sorted(rows), fresh=True)

    def _resolve_systems(self, uris: set[str]) -> None:
        wanted = sorted(uri for uri in uris if uri not in self._systems)
        if wanted:
            found = self._identified("system", ("uri",), "sys", [(uri,) for uri in wanted])
            for uri, sys in zip(wanted, found, strict=True):
                self._take(self._systems, uri, sys)

    def _identified(
        self, table: str, columns: tuple[str, ...], number: str, keys: list[Any]
    ) -> list[int]:
        """The numbers of rows that the database itself numbers, made where they are missing."""
        found = self._database.lookup(table, columns, number, keys)
        missing = [key for key, each in zip(keys, found, strict=True) if each is None]
        if missing:
            self._database.insert(table, columns, missing)
            found = self._database.lookup(table, columns, number, keys)
        return found

    def _take(self, memory: dict[Any, int], key: Any, number: int) -> None:
        memory[key] = number
        self._made.append((memory, key))
