"""The record as it was, and versions that no index holds any more: judged one by one, from
their own text."""

from __future__ import annotations

from typing import Any

import apsw

from xinglin.fhir.resource import parse
from xinglin.fhir.search import tree
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.extraction import Extractor
from xinglin.store.face import Page, Version
from xinglin.store.sqlite import history
from xinglin.store.sqlite.conditions import Conditions
from xinglin.store.sqlite.names import Catalogue, Names
from xinglin.store.sqlite.order import Place, read_place
from xinglin.store.sqlite.sql import Sql, both, marks
from xinglin.store.sqlite.versions import Versions


class Past:
    def __init__(
        self,
        connection: apsw.Connection,
        catalogue: Catalogue,
        names: Names,
        versions: Versions,
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._names = names
        self._versions = versions
        self._extract = Extractor(catalogue.registry)

    def holds(self, rule: tree.Node, version: Version, conditions: Conditions) -> bool:
        """Whether the rule holds of this version."""
        found = conditions.condition(rule, version.type, "a")
        here = both((Sql("a.seq = ? AND a.live = 1", (version.seq,)), found))
        rid = self._names.resource(self._catalogue.type_number[version.type], version.id)
        text = f"SELECT 1 FROM res a WHERE a.rid = ? AND {here.text}"
        return self._connection.execute(text, (rid, *here.bindings)).fetchone() is not None

    def compartment(self, query: tree.Query, conditions: Conditions, cursor: str | None) -> Page:
        """One page of a patient's compartment as it was, last updated first."""
        where = query.where
        assert isinstance(where, tree.Compartment)
        assert query.at is not None
        owner = self._names.resource(self._catalogue.type_number[where.type], where.id)
        if owner is None:
            return Page((), (), 0, None)
        end = history.seq_at(self._connection, query.at + 1)
        place = None if cursor is None else read_place(cursor, 1)
        found: list[Version] = []
        for rid in self._ever(where, owner, conditions):
            row = history.as_of(self._connection, rid, end)
            if row is not None and self._shown(row, query, place):
                version = self._versions.load(row)
                if self._member(version, where):
                    found.append(version)
        found.sort(key=lambda version: version.seq, reverse=True)
        following = None
        if len(found) > query.count:
            found = found[: query.count]
            following = Place(end, [found[-1].seq]).encode()
        return Page(found, (), None, following)

    def _ever(self, where: tree.Compartment, owner: int, conditions: Conditions) -> set[int]:
        """What is in the compartment or has left it."""
        keys = [
            key
            for type in self._catalogue.type_number
            for key in conditions.keys(where, type) or ()
        ]
        run = self._connection.execute
        found = {owner}
        for start in range(0, len(keys), 500):
            chunk = keys[start : start + 500]
            found |= {rid for (rid,) in run(f"SELECT rid FROM ix WHERE k IN {marks(chunk)}", chunk)}
        found |= {rid for (rid,) in run("SELECT rid FROM comp WHERE c = ?", (owner,))}
        return found

    def _shown(self, row: tuple[Any, ...], query: tree.Query, place: Place | None) -> bool:
        seq, _, rt, *_, packed = row
        if packed is None or (query.types and self._catalogue.type_name[rt] not in query.types):
            return False
        return place is None or seq < place.after[0]

    def _member(self, version: Version, where: tree.Compartment) -> bool:
        if (version.type, version.id) == (where.type, where.id):
            return True
        assert version.content is not None
        entries = self._extract(parse(version.content).value)
        kept = {
            each.kept.number for each in members(self._catalogue.registry, where.type, version.type)
        }
        return any(
            number in kept and (type, id) == (where.type, where.id)
            for number, type, id in entries.references
        )
