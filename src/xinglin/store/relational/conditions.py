"""A tree as a condition on one resource: the probe that a plan asks of every row it walks.

The row is known by an alias with the columns `rid` and `d`; any posting is such a row. Each
hop to another resource joins the reader's rule for its type.
"""

from __future__ import annotations

from collections.abc import Callable

from xinglin.fhir.search import tree
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.parameters import Parameter
from xinglin.fhir.search.strings import normalise
from xinglin.store.face import Reader
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.keys import REFERENCE_SHIFT
from xinglin.store.relational.names import Names
from xinglin.store.relational.sql import (
    FALSE,
    MANY,
    TRUE,
    Sql,
    among,
    both,
    either,
    exists,
    negation,
)
from xinglin.store.relational.values import (
    LAST,
    on_clinical_date,
    on_date,
    on_number,
    on_quantity,
    on_string,
)


class Conditions:
    """Compiles for one reader in one connection. `seq_at(ms)` is the first place in the feed
    at or after a millisecond."""

    def __init__(
        self,
        catalogue: Catalogue,
        names: Names,
        reader: Reader,
        seq_at: Callable[[int], int],
    ) -> None:
        self.catalogue = catalogue
        self.names = names
        self._reader = reader
        self._seq_at = seq_at
        self._depth = 0

    def allowed(self, type: str, where: tree.Node) -> tree.Node:
        """What was asked, and what the reader may see."""
        rule = self._reader.rule(type)
        if isinstance(rule, tree.Everything):
            return where
        return tree.And((where, rule))

    def own(self, parameter: Parameter, type: str) -> Parameter | None:
        """The parameter that `type` has for this one, where a search spans several types."""
        return self.catalogue.registry.of(parameter, type)

    def keys(self, leaf: tree.Node, type: str) -> list[int] | None:
        """The keys in `ix` under which all resources lie of which the leaf holds; None where
        it is not of that kind."""
        match leaf:
            case tree.Token(parameter, system, code):
                return self._per(parameter, type, lambda p: self.names.terms(p, code, system))
            case tree.Reference(parameter, target, id):
                return self._per(parameter, type, lambda p: self._reference(p, target, id))
            case tree.Uri(parameter, mode, uri):
                return self._per(parameter, type, lambda p: self._uri(p, mode, uri))
            case tree.String(parameter) if parameter.number in self.catalogue.texts:
                prefix = normalise(leaf.text)
                coded = self.catalogue.texts[parameter.number]
                return self._per(
                    coded, type, lambda p: self.names.texts_between(p, prefix, prefix + LAST)
                )
            case tree.Or(nodes):
                return self._any_of(nodes, type)
            case tree.Compartment(owner, id):
                return self._compartment(owner, id, type)
        return None

    def condition(self, node: tree.Node, type: str, a: str) -> Sql:
        """The node, of the resource of `type` whose row has the alias `a`."""
        match node:
            case tree.Everything() | tree.Nothing():
                return TRUE if isinstance(node, tree.Everything) else FALSE
            case tree.And(nodes):
                return both([self.condition(each, type, a) for each in nodes])
            case tree.Not(inner):
                return negation(self.condition(inner, type, a))
            case tree.Ids(ids):
                found = (self.names.resource(self._rt(type), id) for id in ids)
                return among(f"{a}.rid", [rid for rid in found if rid is not None])
            case tree.LastUpdated():
                return self._last_updated(node, a)
            case tree.Missing(parameter, missing):
                present = self._present(parameter, type, a)
                return negation(present) if missing else present
            case tree.Chain() | tree.Has() | tree.InList():
                return self._hop(node, type, a)
        return self._held(node, type, a)

    def _held(self, node: tree.Node, type: str, a: str) -> Sql:
        """A node whose values lie in the tables, or that several such make."""
        keys = self.keys(node, type)
        if keys is not None:
            held = among("k", keys)
            if len(keys) > MANY:  # gathered once, rather than looked for under each of them
                gathered = f"{a}.rid IN (SELECT rid FROM ix WHERE {held.text})"
                probe = Sql(f"({gathered}) IS TRUE", held.bindings)  # gathered where it stands
            else:
                probe = exists("ix", both((held, Sql(f"d = {a}.d AND rid = {a}.rid"))))
            if isinstance(node, tree.Compartment) and _owner(node, type):
                return either((probe, self.condition(tree.Ids((node.id,)), type, a)))
            return probe
        if isinstance(node, tree.Or):
            return either([self.condition(each, type, a) for each in node.nodes])
        mine = Sql(f"rid = {a}.rid")
        return either([exists(table, both((mine, rows))) for table, rows in self.rows(node, type)])

    def rows(self, leaf: tree.Node, type: str) -> list[tuple[str, Sql]]:
        """Of a leaf on plain values: the tables, and the condition on their rows."""
        assert isinstance(
            leaf, tree.String | tree.Date | tree.Number | tree.Quantity | tree.Composite
        )
        parameter = self.own(leaf.parameter, type)
        if parameter is None:
            return []
        if isinstance(leaf, tree.Composite):
            return self._composite(leaf, parameter)
        key = Sql("k = ?", (self.catalogue.p(parameter.kept),))
        if isinstance(leaf, tree.Date) and self.is_clinical(parameter):
            return [
                ("res", on_clinical_date(leaf)),
                ("pd", both((key, on_date(leaf, short=False)))),
            ]
        return self._on_values(leaf, key)

    def is_clinical_of(self, leaf: tree.Date, type: str) -> bool:
        parameter = self.own(leaf.parameter, type)
        return parameter is not None and self.is_clinical(parameter)

    def all_short(self, leaf: tree.Date, type: str) -> bool:
        """Whether no resource of the type has a clinical date that is longer than a day."""
        parameter = self.own(leaf.parameter, type)
        return parameter is not None and not self.names.any_long(self.catalogue.p(parameter.kept))

    def is_clinical(self, parameter: Parameter) -> bool:
        """Whether the parameter is the date that orders its type."""
        rt = self._rt(parameter.resource)
        return self.catalogue.clinical.get(rt) == parameter.kept.number

    def _on_values(self, leaf: tree.Node, key: Sql) -> list[tuple[str, Sql]]:
        match leaf:
            case tree.String():
                return [("st", both((key, on_string(leaf))))]
            case tree.Date():
                return [
                    ("dt", both((key, on_date(leaf, short=True)))),
                    ("pd", both((key, on_date(leaf, short=False)))),
                ]
            case tree.Number():
                return [("qn", both((key, on_number(leaf))))]
            case tree.Quantity():
                return [("qn", both((key, on_quantity(leaf, self.names))))]
        raise TypeError(leaf)

    def _composite(self, leaf: tree.Composite, parameter: Parameter) -> list[tuple[str, Sql]]:
        """See `rows.py`: the values of a composite lie under the term of its first token."""
        parts = list(leaf.parts)
        anchor = next(part for part in parts if isinstance(part, tree.Token))
        parts.remove(anchor)
        [other] = parts
        p = self.catalogue.p(parameter.kept)
        key = among("k", self.names.terms(p, anchor.code, anchor.system))
        if isinstance(other, tree.Token):
            second = self.names.terms(self.catalogue.p(other.parameter), other.code, other.system)
            return [("qn", both((key, among("v", [float(tid) for tid in second]))))]
        if isinstance(other, tree.Reference):
            rid = self.names.resource(self._rt(other.type), other.id)
            return [("qn", both((key, among("v", [] if rid is None else [float(rid)]))))]
        if isinstance(other, tree.Uri):
            named = self._uri(self.catalogue.p(other.parameter), other.mode, other.uri)
            return [("qn", both((key, among("v", [-float(tid) for tid in named]))))]
        return self._on_values(other, key)

    def _rt(self, type: str) -> int:
        return self.catalogue.type_number[type]

    def _per(self, parameter: Parameter, type: str, keys: Callable[[int], list[int]]) -> list[int]:
        own = self.own(parameter, type)
        return [] if own is None else keys(self.catalogue.p(own.kept))

    def _reference(self, p: int, type: str, id: str) -> list[int]:
        rid = self.names.resource(self._rt(type), id)
        return [] if rid is None else [p << REFERENCE_SHIFT | rid]

    def _uri(self, p: int, mode: str, uri: str) -> list[int]:
        if mode == "above":
            starts = [uri[:at] for at, sign in enumerate(uri) if sign == "/"] + [uri]
            return [tid for start in starts for tid in self.names.terms(p, start, "")]
        found = self.names.terms(p, uri, "")
        if mode == "below":
            below = uri.rstrip("/") + "/"
            found += self.names.terms_between(p, below, below + LAST)
        return found

    def _any_of(self, nodes: tuple[tree.Node, ...], type: str) -> list[int] | None:
        found: list[int] = []
        for node in nodes:
            keys = self.keys(node, type)
            if keys is None or _owner(node, type):
                return None
            found += keys
        return found

    def _compartment(self, owner: str, id: str, type: str) -> list[int]:
        rid = self.names.resource(self._rt(owner), id)
        if rid is None:
            return []
        kept = {self.catalogue.p(p.kept) for p in members(self.catalogue.registry, owner, type)}
        return [p << REFERENCE_SHIFT | rid for p in kept]

    def _present(self, parameter: Parameter, type: str, a: str) -> Sql:
        own = self.own(parameter, type)
        if own is None:
            return FALSE
        if own.only is not None:  # `patient`: kept with other types under `subject`
            target = both(
                (
                    Sql(f"l.rid = {a}.rid AND l.p = ?", (self.catalogue.p(own.kept),)),
                    Sql("t.rid = l.target AND t.rt = ?", (self._rt(own.only),)),
                )
            )
            return exists("link l CROSS JOIN res t", target)
        bit = self.catalogue.bit_of[own.kept.number]
        return exists("res", Sql(f"rid = {a}.rid AND has & ? <> 0", (bit,)))

    def updated(self, leaf: tree.LastUpdated, type: str) -> Sql | None:
        """A SELECT of the resources last updated then, for a bounded stretch of the feed."""
        first, end = self._seq_at(leaf.low), self._seq_at(leaf.high + 1)
        low: int = first
        high: int | None = None
        match leaf.prefix:
            case "eq" | "ap":
                high = end
            case "gt" | "sa":
                low = end
            case "ne" | "lt" | "eb" | "le":
                return None  # most of the record, as a rule
        upper = TRUE if high is None else Sql("v.seq < ?", (high,))
        return Sql(
            "SELECT v.rid FROM ver v CROSS JOIN res r"
            f" WHERE r.rid = v.rid AND r.seq = v.seq AND v.rt = ? AND v.seq >= ? AND {upper.text}",
            (self._rt(type), low, *upper.bindings),
        )

    def _last_updated(self, leaf: tree.LastUpdated, a: str) -> Sql:
        first, end = self._seq_at(leaf.low), self._seq_at(leaf.high + 1)
        match leaf.prefix:
            case "eq" | "ap":
                condition = Sql("seq >= ? AND seq < ?", (first, end))
            case "ne":
                condition = Sql("(seq < ? OR seq >= ?)", (first, end))
            case "gt" | "sa":
                condition = Sql("seq >= ?", (end,))
            case "ge":
                condition = Sql("seq >= ?", (first,))
            case "lt" | "eb":
                condition = Sql("seq < ?", (first,))
            case "le":
                condition = Sql("seq < ?", (end,))
        return exists("res", both((Sql(f"rid = {a}.rid"), condition)))

    def _hop(self, node: tree.Chain | tree.Has | tree.InList, type: str, a: str) -> Sql:
        self._depth += 1
        b = f"h{self._depth}"
        match node:
            case tree.Chain(parameter, target, where):
                own = self.own(parameter, type)
                if own is None:
                    return FALSE
                there = self.condition(self.allowed(target, where), target, b)
                step = Sql(
                    f"l.rid = {a}.rid AND l.p = ? AND {b}.rid = l.target"
                    f" AND {b}.rt = ? AND {b}.live = 1",
                    (self.catalogue.p(own.kept), self._rt(target)),
                )
                return exists(f"link l CROSS JOIN res {b}", both((step, there)))
            case tree.Has(parameter, where):
                if parameter.only not in (None, type):
                    return FALSE
                there = self.condition(
                    self.allowed(parameter.resource, where), parameter.resource, b
                )
                p = self.catalogue.p(parameter.kept)
                step = Sql(f"{b}.k = ? + {a}.rid", (p << REFERENCE_SHIFT,))
                return exists(f"ix {b}", both((step, there)))
            case tree.InList(id):
                there = self.condition(self.allowed("List", tree.Ids((id,))), "List", b)
                step = Sql(
                    f"{b}.rt = ? AND {b}.live = 1 AND l.rid = {b}.rid"
                    f" AND l.p = ? AND l.target = {a}.rid",
                    (self._rt("List"), self.catalogue.p(self.list_item)),
                )
                return exists(f"res {b} CROSS JOIN link l", both((there, step)))

    @property
    def list_item(self) -> Parameter:
        item = self.catalogue.registry.find("List", "item")
        assert item is not None, "R4 defines List.item"
        return item


def _owner(node: tree.Node, type: str) -> bool:
    """Whether the node holds of its own owner too, which no key says."""
    return isinstance(node, tree.Compartment) and node.type == type
