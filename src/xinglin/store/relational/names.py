"""What a search names (systems, terms, units, resources), as the numbers that the tables use.

Looks up and makes nothing; `numbering.py` makes. A number, once committed, never changes.
"""

from __future__ import annotations

from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import pack_id

RESOURCES = 4_000  # whose numbers are kept at hand: who is asked about is soon asked about again


class Names:
    """Look up in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._systems: dict[str, int] = {}
        self._units: list[tuple[int, str, str, str]] = []
        self._resources: dict[tuple[int, str], int] = {}

    def system(self, uri: str) -> int | None:
        if uri == "":
            return 0
        known = self._systems.get(uri)
        if known is None:
            row = self._database.execute("SELECT sys FROM system WHERE uri = ?", (uri,)).fetchone()
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
        return [tid for (tid,) in self._database.execute(sql, bindings)]

    def terms_between(self, p: int, low: str, high: str) -> list[int]:
        """The terms with low <= code < high."""
        sql = "SELECT tid FROM term WHERE p = ? AND code >= ? AND code < ? AND sys >= 0"
        return [tid for (tid,) in self._database.execute(sql, (p, low, high))]

    def texts_between(self, p: int, low: str, high: str) -> list[int]:
        """The terms with low <= text < high."""
        sql = "SELECT tid FROM term WHERE p = ? AND text >= ? AND text < ? AND text <> ''"
        return [tid for (tid,) in self._database.execute(sql, (p, low, high))]

    def any_long(self, p: int) -> bool:
        """Whether `pd` has a row of this parameter."""
        sql = "SELECT 1 FROM pd WHERE k = ? LIMIT 1"
        return self._database.execute(sql, (p,)).fetchone() is not None

    def units(self) -> list[tuple[int, str, str, str]]:
        """Every unit in use: number, system, code, text."""
        last = self._units[-1][0] if self._units else 0
        self._units += self._database.execute(
            "SELECT u, system, code, unit FROM unit WHERE u > ? ORDER BY u", (last,)
        )
        return self._units

    def resource(self, rt: int, id: str) -> int | None:
        known = self._resources.get((rt, id))
        if known is not None:
            return known
        row = self._database.execute(
            "SELECT rid FROM res WHERE rt = ? AND id = ?", (rt, pack_id(id))
        ).fetchone()
        if row is None:
            return None
        if len(self._resources) == RESOURCES:
            self._resources.clear()
        number: int = row[0]
        self._resources[rt, id] = number
        return number
