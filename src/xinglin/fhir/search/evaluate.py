"""The tree of a search on one resource (FHIR R4, Search, 3.1.1.5): for subscriptions, access
control and versions in history, where asking the store would be a detour or too late.

It means exactly what `tree.py` says, as the store's plan does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from xinglin.fhir.search.compare import matches, range_holds
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.parameters import Parameter, Registry
from xinglin.fhir.search.tree import (
    And,
    Chain,
    Compartment,
    Composite,
    Everything,
    Has,
    Ids,
    InList,
    LastUpdated,
    Leaf,
    Missing,
    Node,
    Not,
    Nothing,
    Or,
    Uri,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource that is asked about."""

    type: str
    id: str
    last_updated: int  # ms
    entries: Entries


class Related(Protocol):
    """What only the record knows: the other resources."""

    def holds(self, type: str, id: str, where: Node) -> bool:
        """Whether there is such a resource, and `where` holds of it."""
        ...

    def referred(self, parameter: Parameter, type: str, id: str, where: Node) -> bool:
        """Whether some resource of `parameter.resource` refers by it to this one, and `where`
        holds of that resource."""
        ...


def holds(registry: Registry, node: Node, subject: Subject, related: Related) -> bool:
    """Whether a search would find the resource."""
    return _Evaluation(registry, subject, related).holds(node)


_LISTS: Final = {
    "token": "tokens",
    "string": "strings",
    "uri": "uris",
    "reference": "references",
    "date": "dates",
    "number": "numbers",
    "quantity": "quantities",
    "composite": "composites",
}


class _Evaluation:
    def __init__(self, registry: Registry, subject: Subject, related: Related) -> None:
        self.registry = registry
        self.subject = subject
        self.related = related

    def holds(self, node: Node) -> bool:
        match node:
            case Everything():
                return True
            case Nothing():
                return False
            case And(nodes):
                return all(self.holds(each) for each in nodes)
            case Or(nodes):
                return any(self.holds(each) for each in nodes)
            case Not(inner):
                return not self.holds(inner)
            case Ids(ids):
                return self.subject.id in ids
            case LastUpdated(prefix, low, high):
                moment = self.subject.last_updated
                return range_holds(prefix, moment, moment, low, high)
            case Missing(parameter, missing):
                return self.present(parameter) != missing
        return self.leads(node) if isinstance(node, _HOPS) else self.found(node)

    def leads(self, node: Chain | Has | Compartment | InList) -> bool:
        type, id = self.subject.type, self.subject.id
        match node:
            case Chain(parameter, target, where):
                references = self.values("references", parameter)
                ids = [held[2] for held in references if held[1] == target]
                return any(self.related.holds(target, each, where) for each in ids)
            case Has(parameter, where):
                return self.related.referred(parameter, type, id, where)
            case Compartment(owner, owner_id):
                numbers = {p.number for p in members(self.registry, owner, type)}
                itself = (owner, owner_id) == (type, id)
                held = self.subject.entries.references
                return itself or any(
                    n in numbers and (owner, owner_id) == (t, i) for n, t, i in held
                )
            case InList(list_id):
                item = self.registry.by_type["List"]["item"]
                return self.related.referred(item, type, id, Ids((list_id,)))

    def found(self, node: Leaf | Composite) -> bool:
        if isinstance(node, Composite):
            return any(
                all(matches(part, held) for part, held in zip(node.parts, parts, strict=True))
                for _, parts in self.values("composites", node.parameter)
            )
        name = "uris" if isinstance(node, Uri) else _LISTS[node.parameter.kind]
        return any(matches(node, held) for held in self.values(name, node.parameter))

    def values(self, name: str, parameter: Parameter) -> Iterable[Any]:
        own = self.registry.of(parameter, self.subject.type)
        if own is None:
            return ()
        number = own.kept.number
        return (held for held in getattr(self.subject.entries, name) if held[0] == number)

    def present(self, parameter: Parameter) -> bool:
        own = self.registry.of(parameter, self.subject.type)
        if own is None:
            return False
        if own.only is not None:  # kept with the references to other types
            return any(held[1] == own.only for held in self.values("references", own))
        variants = (own.kept.identifier, own.kept.of_type, own.kept.text)
        places = [(_LISTS[each.kind], each) for each in (own, *variants) if each]
        return any(True for name, each in [*places, ("uris", own)] for _ in self.values(name, each))


_HOPS: Final = (Chain, Has, Compartment, InList)
