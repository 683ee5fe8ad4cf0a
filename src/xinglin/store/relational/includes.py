"""What a page brings along: resources that its hits refer to, or that refer to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search import tree
from xinglin.fhir.search.parameters import Parameter
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import REFERENCE_SHIFT
from xinglin.store.relational.sql import Sql, both, marks
from xinglin.store.relational.versions import COLUMNS

LIMIT = 10_000  # included resources of one page
CHUNK = 500  # resources asked for in one statement

Found = dict[int, tuple[Any, ...]]  # rid to the row of `versions.COLUMNS`


class Includes:
    def __init__(self, database: Database, conditions: Conditions) -> None:
        self._database = database
        self._conditions = conditions
        self._catalogue = conditions.catalogue

    def of(self, hits: Sequence[int], wanted: Sequence[tree.Include]) -> Found:
        """The rows of what the hits (`rid`s) bring along, without the hits themselves."""
        found: Found = {}
        known = set(hits)
        fresh: list[int] = list(hits)
        step = list(wanted)
        while fresh and step:
            more: Found = {}
            for include in step:
                more.update(self._one(include, fresh))
            fresh = [rid for rid in more if rid not in known]
            known.update(fresh)
            found.update((rid, more[rid]) for rid in fresh)
            if len(found) > LIMIT:
                raise Refused(
                    Issue("too-costly", "store.includes-too-many", given={"limit": LIMIT})
                )
            step = [include for include in wanted if include.iterate]
        return found

    def _one(self, include: tree.Include, rids: Sequence[int]) -> Found:
        found: Found = {}
        for start in range(0, len(rids), CHUNK):
            chunk = rids[start : start + CHUNK]
            for parameter in self._parameters(include):
                step = self._back if include.reverse else self._forth
                found.update(step(parameter, include, chunk))
        return found

    def _parameters(self, include: tree.Include) -> Iterable[Parameter]:
        if include.parameter is not None:
            return (include.parameter,)
        known = self._catalogue.registry.by_type[include.source].values()
        kept = {each.kept for each in known if each.kind == "reference"}
        return sorted(kept, key=lambda each: each.name)

    def _forth(self, parameter: Parameter, include: tree.Include, rids: Sequence[int]) -> Found:
        """What these refer to."""
        target = include.target or parameter.only
        select = (
            "SELECT DISTINCT l.target AS rid FROM link l CROSS JOIN res s"
            f" WHERE s.rid = l.rid AND l.rid IN {marks(rids)} AND l.p = ? AND s.rt = ?"
        )
        bindings = (
            *rids,
            self._catalogue.p(parameter.kept),
            self._catalogue.type_number[include.source],
        )
        types = (target,) if target else self._types(select, bindings)
        return self._load(select, bindings, types)

    def _back(self, parameter: Parameter, include: tree.Include, rids: Sequence[int]) -> Found:
        """What refers to these."""
        shifted = self._catalogue.p(parameter.kept) << REFERENCE_SHIFT
        only = include.target or parameter.only
        if only is not None:
            rids = self._of_type(rids, only)
        if not rids:
            return {}
        select = f"SELECT DISTINCT rid FROM ix WHERE k IN {marks(rids)}"
        return self._load(select, [shifted | rid for rid in rids], (include.source,))

    def _of_type(self, rids: Sequence[int], type: str) -> list[int]:
        rt = self._catalogue.type_number[type]
        select = f"SELECT rid FROM res WHERE rid IN {marks(rids)} AND rt = ?"
        return [rid for (rid,) in self._database.execute(select, (*rids, rt))]

    def _types(self, select: str, bindings: Sequence[Any]) -> list[str]:
        text = f"SELECT DISTINCT r.rt FROM ({select}) x CROSS JOIN res r WHERE r.rid = x.rid"
        rows = self._database.execute(text, bindings)
        return [self._catalogue.type_name[rt] for (rt,) in rows]

    def _load(self, select: str, bindings: Sequence[Any], types: Iterable[str]) -> Found:
        found: Found = {}
        for type in types:
            rule = self._conditions.condition(
                self._conditions.allowed(type, tree.Everything()), type, "r"
            )
            live = Sql("r.rt = ? AND r.live = 1", (self._catalogue.type_number[type],))
            where = both((live, rule))
            text = (
                f"SELECT r.rid, {COLUMNS} FROM ({select}) x CROSS JOIN res r"
                f" CROSS JOIN ver v WHERE r.rid = x.rid AND v.seq = r.seq AND {where.text}"
            )
            for rid, *row in self._database.execute(text, (*bindings, *where.bindings)):
                found[rid] = tuple(row)
        return found
