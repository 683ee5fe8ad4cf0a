"""The exact dictionaries of the store: types, parameters, systems, terms and resources as
small integers.

`Names` looks up, in whatever connection it is given; `Numbering` is the writer's, and makes
what is missing. A number, once committed, never changes, so found ones are remembered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import apsw

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.parameters import Parameter, Registry
from xinglin.store.sqlite.schema import FIRST_TERM

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
REMEMBERED = 8_000  # keys that each memory of the writer may hold between two works

BITS = 62  # parameters of one type, of which `res.has` says whether they have a value
TEXT_ALONE = -1  # the system of a text that has no code

Term = tuple[int, str, str | None, str]  # parameter p, code, system uri, text

_TERM = "SELECT tid FROM term WHERE p = ? AND code = ? AND sys = ? AND text = ?"


def pack_id(id: str) -> str | bytes:
    """A canonical UUID as its 16 bytes, any other id as it is."""
    if len(id) == 36 and _UUID.fullmatch(id):
        return bytes.fromhex(id.replace("-", ""))
    return id


def unpack_id(stored: str | bytes) -> str:
    if isinstance(stored, str):
        return stored
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Catalogue:
    """The types and parameters of the database, read when it is opened."""

    def __init__(self, connection: apsw.Connection, registry: Registry) -> None:
        self.registry = registry
        self.type_name: dict[int, str] = dict(connection.execute("SELECT rt, name FROM type"))
        self.type_number = {name: rt for rt, name in self.type_name.items()}
        rows = connection.execute("SELECT name, p, bit FROM param")
        by_name = {name: (p, bit) for name, p, bit in rows}
        # `Parameter.number` to `p`, and to its bit in `res.has`, which a parameter shares
        # with its variants: what has but an identifier or a text is not missing.
        self.p_of = [by_name[parameter.name][0] for parameter in registry.numbered]
        self.bit_of = [by_name[parameter.name][1] for parameter in registry.numbered]
        for each in registry.numbered:
            for variant in (each.identifier, each.of_type, each.text):
                if variant is not None and each.kept is each:
                    self.bit_of[variant.number] = self.bit_of[each.number]
        # Numbers of the `text` variants, to the parameter whose terms hold their texts.
        self.texts = {
            each.text.number: each
            for each in registry.numbered
            if each.text is not None and each.kept is each
        }
        self.clinical = {
            self.type_number[each.resource]: each.number
            for each in registry.numbered
            if each.clinical
        }
        self.patient = self.type_number["Patient"]
        self.patient_members = {
            rt: {self.p_of[member.number] for member in members(registry, "Patient", name)}
            for rt, name in self.type_name.items()
        }

    def p(self, parameter: Parameter) -> int:
        return int(self.p_of[parameter.number])


def enrol(connection: apsw.Connection, registry: Registry, types: Iterable[str]) -> None:
    """Give a number to every type and parameter that has none yet.

    Raises: Refused when a type would have more parameters than `res.has` has bits.
    """
    have = {name for (name,) in connection.execute("SELECT name FROM type")}
    connection.executemany(
        "INSERT INTO type (name, live) VALUES (?, 0)",
        [(name,) for name in types if name not in have],
    )
    known: set[str] = set()
    used: Counter[str] = Counter()  # bits of each type
    for name, bit in connection.execute("SELECT name, bit FROM param"):
        known.add(name)
        used[name.partition(".")[0]] += bit != 0
    rows = []
    for parameter in registry.numbered:
        if parameter.name not in known:
            variant = ":" in parameter.name or "$" in parameter.name
            if not variant and used[parameter.resource] == BITS:
                given: dict[str, str | int] = {"type": parameter.resource, "limit": BITS}
                raise Refused(Issue("too-costly", "store.parameters-too-many", given=given))
            rows.append((parameter.name, 0 if variant else 1 << used[parameter.resource]))
            used[parameter.resource] += not variant
    connection.executemany("INSERT INTO param (name, bit) VALUES (?, ?)", rows)


class Names:
    """Look up in one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._systems: dict[str, int] = {}
        self._units: list[tuple[int, str, str, str]] = []

    def system(self, uri: str) -> int | None:
        if uri == "":
            return 0
        known = self._systems.get(uri)
        if known is None:
            row = self._connection.execute(
                "SELECT sys FROM system WHERE uri = ?", (uri,)
            ).fetchone()
            if row is None:
                return None
            known = self._systems[uri] = row[0]
        return known

    def terms(self, p: int, code: str | None, system: str | None) -> list[int]:
        """The terms with this code (None: any) in this system (None: any; "": none)."""
        sys = None
        if system is not None:
            sys = self.system(system)
            if sys is None:
                return []
        sql = "SELECT tid FROM term WHERE p = ? AND sys >= 0"
        bindings: list[int | str] = [p]
        if code is not None:
            sql += " AND code = ?"
            bindings.append(code)
        if sys is not None:
            sql += " AND sys = ?"
            bindings.append(sys)
        return [tid for (tid,) in self._connection.execute(sql, bindings)]

    def terms_between(self, p: int, low: str, high: str) -> list[int]:
        """The terms with low <= code < high."""
        sql = "SELECT tid FROM term WHERE p = ? AND code >= ? AND code < ? AND sys >= 0"
        return [tid for (tid,) in self._connection.execute(sql, (p, low, high))]

    def texts_between(self, p: int, low: str, high: str) -> list[int]:
        """The terms with low <= text < high."""
        sql = "SELECT tid FROM term WHERE p = ? AND text >= ? AND text < ? AND text <> ''"
        return [tid for (tid,) in self._connection.execute(sql, (p, low, high))]

    def any_long(self, p: int) -> bool:
        """Whether `pd` has a row of this parameter."""
        sql = "SELECT 1 FROM pd WHERE k = ? LIMIT 1"
        return self._connection.execute(sql, (p,)).fetchone() is not None

    def units(self) -> list[tuple[int, str, str, str]]:
        """Every unit in use: number, system, code, text."""
        last = self._units[-1][0] if self._units else 0
        self._units += self._connection.execute(
            "SELECT u, system, code, unit FROM unit WHERE u > ? ORDER BY u", (last,)
        )
        return self._units

    def resource(self, rt: int, id: str) -> int | None:
        row = self._connection.execute(
            "SELECT rid FROM res WHERE rt = ? AND id = ?", (rt, pack_id(id))
        ).fetchone()
        return None if row is None else row[0]


class Numbering:
    """Look up or make, by the one writer. What a failed work made is forgotten by `undo`."""

    def __init__(
        self, connection: apsw.Connection, name: Callable[[int, int, str | bytes], None]
    ) -> None:
        """`name(rid, rt, id)` enters a resource that gets a number here."""
        self._connection = connection
        self._name = name
        self._systems: dict[str, int] = {}
        self._units: dict[tuple[str, str, str], int] = {}
        self._terms: dict[Term, int] = {}
        self._resources: dict[tuple[int, str], int] = {}
        self._made: list[Callable[[], object]] = []
        self._last_rid: int
        self._last_tid: int
        self._systems[""] = 0
        self._read_last()

    def undo(self, name: Callable[[int, int, str | bytes], None]) -> None:
        """Forget what was made since `keep`, which the database has rolled back."""
        self._name = name
        for forget in self._made:
            forget()
        self._made.clear()
        self._read_last()

    def keep(self) -> None:
        """Note the last numbers; what was made stays in memory."""
        if self._made:
            self._connection.execute(
                "INSERT OR REPLACE INTO last (name, number) VALUES ('tid', ?)", (self._last_tid,)
            )
            self._made.clear()
        for memory in (self._units, self._terms, self._resources):
            if len(memory) > REMEMBERED:
                memory.clear()

    def _read_last(self) -> None:
        run = self._connection.execute
        [(self._last_rid,)] = run("SELECT coalesce(max(rid), 0) FROM res")
        [(self._last_tid,)] = run(
            "SELECT coalesce((SELECT number FROM last WHERE name = 'tid'), ?)", (FIRST_TERM,)
        )

    def system(self, uri: str) -> int:
        sys = self._systems.get(uri)
        if sys is None:
            run = self._connection.execute
            row = run("SELECT sys FROM system WHERE uri = ?", (uri,)).fetchone()
            if row is None:
                run("INSERT INTO system (uri) VALUES (?)", (uri,))
                row = (self._connection.last_insert_rowid(),)
                self._made.append(partial(self._systems.pop, uri, None))
            sys = self._systems[uri] = row[0]
        return int(sys)

    def term(self, p: int, code: str, system: str | None, text: str = "") -> int:
        """The term of a code in a system ("" none) with a display; system None: text alone."""
        key = (p, code, system, text)
        tid = self._terms.get(key)
        if tid is None:
            run = self._connection.execute
            named = (p, code, TEXT_ALONE if system is None else self.system(system), text)
            row = run(_TERM, named).fetchone()
            if row is None:
                self._last_tid += 1
                tid = self._last_tid
                run(
                    "INSERT INTO term (tid, p, code, sys, text) VALUES (?, ?, ?, ?, ?)",
                    (tid, *named),
                )
                self._made.append(partial(self._terms.pop, key, None))
            else:
                tid = row[0]
            self._terms[key] = tid
        return tid

    def unit(self, system: str, code: str, unit: str) -> int:
        key = (system, code, unit)
        u = self._units.get(key)
        if u is None:
            run = self._connection.execute
            row = run(
                "SELECT u FROM unit WHERE system = ? AND code = ? AND unit = ?", key
            ).fetchone()
            if row is None:
                run("INSERT INTO unit (system, code, unit) VALUES (?, ?, ?)", key)
                row = (self._connection.last_insert_rowid(),)
                self._made.append(partial(self._units.pop, key, None))
            u = self._units[key] = row[0]
        return u

    def known(self, rt: int, id: str) -> int | None:
        """The number of a resource, if it is in memory."""
        return self._resources.get((rt, id))

    def remember(self, rt: int, id: str, rid: int) -> None:
        self._resources[(rt, id)] = rid

    def resource(self, rt: int, id: str, *, fresh: bool = False) -> int:
        """The `rid` of a resource, which need not exist. `fresh`: the database has none."""
        key = (rt, id)
        rid = self._resources.get(key)
        if rid is None:
            stored = pack_id(id)
            if not fresh:
                found = self._connection.execute(
                    "SELECT rid FROM res WHERE rt = ? AND id = ?", (rt, stored)
                ).fetchone()
                rid = None if found is None else found[0]
            if rid is None:
                self._last_rid += 1
                rid = self._last_rid
                self._name(rid, rt, stored)
                self._made.append(partial(self._resources.pop, key, None))
            self._resources[key] = rid
        return rid
