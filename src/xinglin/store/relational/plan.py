"""Where a search begins: the conjunct that names the fewest resources, or the walk in date order.

Each conjunct that the index can enumerate is a source; how many rows it has is counted, but
only up to `CAP`. Below it the smallest source is taken whatever its kind. If every one is
larger, postings are walked newest first, which ends as soon as the page is full. All other
conjuncts are probes on each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xinglin.fhir.search import tree
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import REFERENCE_SHIFT
from xinglin.store.relational.sql import FALSE, TRUE, Sql, among, both
from xinglin.store.relational.values import start_of_clinical_date

CAP = 1000
FEW = 100  # so small that looking for a smaller source costs more than it saves


@dataclass(frozen=True, slots=True)
class Postings:
    """Resources under any of these keys of `ix`, each in date order, whose clinical date begins
    in a range of milliseconds (None: open)."""

    keys: tuple[int, ...]
    dates: tuple[int | None, int | None] = (None, None)

    def of(self, key: int | None = None) -> Sql:
        """The condition on rows of `ix a`, of one key or of all."""
        low, high = self.dates
        return both(
            (
                among("a.k", self.keys if key is None else (key,)),
                TRUE if low is None else Sql("a.d >= ?", (low,)),
                TRUE if high is None else Sql("a.d <= ?", (high,)),
            )
        )


NOWHERE = Postings(())


@dataclass(frozen=True, slots=True)
class Rids:
    """Resources whose numbers a SELECT gives, in no order, perhaps repeated."""

    select: Sql


@dataclass(frozen=True, slots=True)
class Plan:
    """How to find the resources of one type: begin at `source`, keep rows where `probe` holds
    (of the alias `a` with the columns `rid` and `d`)."""

    rt: int
    source: Postings | Rids
    probe: Sql
    unfiltered: bool = False  # every resource of the type


def plan(database: Database, conditions: Conditions, type: str, where: tree.Node) -> Plan | None:
    """None when nothing can be found."""
    rt = conditions.catalogue.type_number[type]
    conjuncts = list(_conjuncts(conditions.allowed(type, where)))
    if any(isinstance(node, tree.Nothing) for node in conjuncts):
        return None
    if not conjuncts:
        return Plan(rt, Postings((rt,)), TRUE, unfiltered=True)
    dates = _dates(database, conditions, type, conjuncts)
    source, covered = _choose(database, conditions, type, conjuncts, dates)
    rest = [node for node in conjuncts if node is not covered]
    probe = both([conditions.condition(node, type, "a") for node in rest])
    if probe == FALSE or source == NOWHERE:
        return None
    return Plan(rt, source or Postings((rt,), dates), probe)


def _dates(
    database: Database,
    conditions: Conditions,
    type: str,
    conjuncts: Sequence[tree.Node],
) -> tuple[int | None, int | None]:
    """Where the clinical date must begin for all conjuncts to hold."""
    low: int | None = None
    high: int | None = None
    for node in conjuncts:
        if not isinstance(node, tree.Date) or not conditions.is_clinical_of(node, type):
            continue
        after, before = start_of_clinical_date(node, short=conditions.all_short(node, type))
        low = after if low is None else max(low, after or low)
        high = before if high is None else min(high, high if before is None else before)
    return low, high


def _conjuncts(node: tree.Node) -> Iterator[tree.Node]:
    if isinstance(node, tree.And):
        for each in node.nodes:
            yield from _conjuncts(each)
    elif not isinstance(node, tree.Everything):
        yield node


def _choose(
    database: Database,
    conditions: Conditions,
    type: str,
    conjuncts: Sequence[tree.Node],
    dates: tuple[int | None, int | None],
) -> tuple[Postings | Rids | None, tree.Node | None]:
    """The source, and the conjunct that it answers completely."""
    best: tuple[int, bool, Postings | Rids, tree.Node] | None = None
    for node in conjuncts:
        source = _source(database, conditions, type, node, dates)
        if source is None:
            continue
        # Of one that is larger than the smallest so far nobody needs to know how large.
        rows = _rows(database, source, CAP if best is None else min(CAP, best[0] + 1))
        rank = (rows, isinstance(source, Rids))  # walk postings rather than sort a large set
        if best is None or rank < best[:2]:
            best = (*rank, source, node)
        if rows <= FEW:
            break
    if best is None:
        return None, None
    rows, _, source, node = best
    if isinstance(source, Rids) and rows >= CAP:
        return None, None
    return source, node


def _rows(database: Database, source: Postings | Rids, most: int = CAP) -> int:
    """How many rows it has, up to so many."""
    if isinstance(source, Postings):
        held = source.of()
        inner = Sql(f"SELECT 1 FROM ix a WHERE {held.text}", held.bindings)
    else:
        inner = source.select
    counted = f"SELECT count(*) FROM (SELECT 1 FROM ({inner.text}) s LIMIT ?) x"
    [(rows,)] = database.execute(counted, (*inner.bindings, most))
    return int(rows)


def _source(
    database: Database,
    conditions: Conditions,
    type: str,
    node: tree.Node,
    dates: tuple[int | None, int | None],
) -> Postings | Rids | None:
    """The resources of which the node holds, if the index can name them from this end."""
    if isinstance(node, tree.Compartment) and node.type == type:
        return None
    keys = conditions.keys(node, type)
    if keys is not None:
        return Postings(tuple(dict.fromkeys(keys)), dates) if keys else NOWHERE
    match node:
        case tree.LastUpdated():
            select = conditions.updated(node, type)
            return None if select is None else Rids(select)
        case tree.Ids():
            found = conditions.condition(node, type, "r")
            return Rids(Sql(f"SELECT r.rid FROM res r WHERE {found.text}", found.bindings))
        case tree.String() | tree.Date() | tree.Number() | tree.Quantity() | tree.Composite():
            if isinstance(node, tree.Date) and conditions.is_clinical_of(node, type):
                return None  # the dates bound every walk
            if isinstance(node, tree.Date | tree.Number | tree.Quantity) and node.prefix == "ne":
                return None
            parts = [
                Sql(f"SELECT rid FROM {table} WHERE {rows.text}", rows.bindings)
                for table, rows in conditions.rows(node, type)
                if rows != FALSE
            ]
            return _union(parts)
        case tree.Chain():
            return _from_target(database, conditions, type, node)
        case tree.Has():
            return _from_referrer(database, conditions, type, node)
    return None


def _union(parts: list[Sql]) -> Postings | Rids:
    if not parts:
        return NOWHERE
    text = " UNION ALL ".join(part.text for part in parts)
    return Rids(Sql(text, tuple(binding for part in parts for binding in part.bindings)))


def _from_target(
    database: Database, conditions: Conditions, type: str, node: tree.Chain
) -> Postings | Rids | None:
    """Begin a chain at its far end, when that is small."""
    parameter = conditions.own(node.parameter, type)
    inner = None
    if parameter is not None:
        inner = plan(database, conditions, node.type, node.where)
    if parameter is None or inner is None:
        return NOWHERE
    found = small(database, inner)
    if found is None:
        return None
    p = conditions.catalogue.p(parameter.kept)
    return Postings(tuple(p << REFERENCE_SHIFT | rid for rid in found))


def _from_referrer(
    database: Database, conditions: Conditions, type: str, node: tree.Has
) -> Postings | Rids | None:
    inner = None
    if node.parameter.only in (None, type):
        inner = plan(database, conditions, node.parameter.resource, node.where)
    if inner is None:
        return NOWHERE
    found = small(database, inner)
    if found is None:
        return None
    held = among("rid", found)
    p = conditions.catalogue.p(node.parameter.kept)
    text = f"SELECT target AS rid FROM link WHERE {held.text} AND p = ?"
    return Rids(Sql(text, (*held.bindings, p)))


def small(database: Database, inner: Plan) -> list[int] | None:
    """The resources of a plan, if they are fewer than CAP and its source is."""
    if inner.unfiltered or _rows(database, inner.source) >= CAP:
        return None
    select = rids(inner)
    return [rid for (rid,) in database.execute(select.text, select.bindings)]


def rids(found: Plan) -> Sql:
    """A SELECT of every resource of the plan, once each."""
    source = rows(found)
    return Sql(f"SELECT DISTINCT a.rid {source.text}", source.bindings)


def rows(found: Plan) -> Sql:
    """FROM … WHERE … with the alias `a` (rid, d); a resource may come more than once."""
    if isinstance(found.source, Postings):
        held = both((found.source.of(), found.probe))
        return Sql(f"FROM ix a WHERE {held.text}", held.bindings)
    select = found.source.select
    here = both((Sql("a.rt = ? AND a.live = 1", (found.rt,)), found.probe))
    text = f"FROM ({select.text}) s CROSS JOIN res a WHERE a.rid = s.rid AND {here.text}"
    return Sql(text, (*select.bindings, *here.bindings))
