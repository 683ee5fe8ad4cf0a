"""The record as it was, and versions that no index holds any more: judged one by one, from
their own text."""

from __future__ import annotations

from typing import Any

from xinglin.fhir.resource import parse
from xinglin.fhir.search import tree
from xinglin.fhir.search.evaluate import Subject, holds
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.parameters import Parameter
from xinglin.store.face import Page, Version
from xinglin.store.relational import history
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.names import Names
from xinglin.store.relational.order import Place, read_place
from xinglin.store.relational.sql import Sql, both, exists, marks
from xinglin.store.relational.versions import Versions


class Past:
    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        names: Names,
        versions: Versions,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._names = names
        self._versions = versions
        self._extract = Extractor(catalogue.registry)
        self._seq = 0
        self._last: Subject

    def holds(self, rule: tree.Node, version: Version, conditions: Conditions) -> bool:
        """Whether the rule holds of this version; of a deletion, whether of what was deleted."""
        if isinstance(rule, tree.Everything):
            return True
        if version.body is None:
            version = self._before(version)
        others = _Others(self._database, conditions)
        return holds(self._catalogue.registry, rule, self._subject(version), others)

    def _subject(self, version: Version) -> Subject:
        """What the version is found by; kept for the next question about the same."""
        if self._seq != version.seq:
            assert version.content is not None
            entries = self._extract(parse(version.content).value)
            self._last = Subject(version.type, version.id, version.t // 1000, entries)
            self._seq = version.seq
        return self._last

    def _before(self, deletion: Version) -> Version:
        rid = self._names.resource(self._catalogue.type_number[deletion.type], deletion.id)
        assert rid is not None
        row = history.one(self._database, rid, deletion.version - 1)
        assert row is not None, "nothing is deleted twice"
        return self._versions.load(row)

    def compartment(self, query: tree.Query, conditions: Conditions, cursor: str | None) -> Page:
        """One page of a patient's compartment as it was, last updated first."""
        where = query.where
        assert isinstance(where, tree.Compartment)
        assert query.at is not None
        owner = self._names.resource(self._catalogue.type_number[where.type], where.id)
        if owner is None:
            return Page((), (), 0, None)
        place = None if cursor is None else read_place(cursor, 1)
        end = history.seq_at(self._database, query.at + 1) if place is None else place.snapshot
        found: list[Version] = []
        for rid in self._ever(where, owner, conditions):
            row = history.as_of(self._database, rid, end)
            if row is not None and self._shown(row, query, place):
                version = self._versions.load(row)
                if self.holds(conditions.allowed(version.type, where), version, conditions):
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
        run = self._database.execute
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


class _Others:
    """What a version refers to and what refers to it, as the record is now."""

    def __init__(self, database: Database, conditions: Conditions) -> None:
        self._database = database
        self._conditions = conditions

    def holds(self, type: str, id: str, where: tree.Node) -> bool:
        rt = self._conditions.catalogue.type_number[type]
        found = self._conditions.condition(self._conditions.allowed(type, where), type, "r")
        here = both((Sql("r.rt = ? AND r.id = ? AND r.live = 1", (rt, pack_id(id))), found))
        return self._any("res r", here)

    def referred(self, parameter: Parameter, type: str, id: str, where: tree.Node) -> bool:
        has = self._conditions.condition(tree.Has(parameter, where), type, "r")
        rt = self._conditions.catalogue.type_number[type]
        here = both((Sql("r.rt = ? AND r.id = ?", (rt, pack_id(id))), has))
        return self._any("res r", here)

    def _any(self, source: str, where: Sql) -> bool:
        found = exists(source, where)
        [(answer,)] = self._database.execute(f"SELECT {found.text}", found.bindings)
        return bool(answer)
