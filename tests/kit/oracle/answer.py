"""What a whole search has to answer: criteria, chains, `_has`, includes and order
(FHIR R4, Search, 3.1.1.4 to 3.1.1.6), by looking at every resource."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.kit.oracle import elements
from tests.kit.oracle.corpus import Corpus, Resource, key
from tests.kit.oracle.leaves import holds, parts
from tests.kit.oracle.parameters import COMPARTMENTS, OF, find
from tests.kit.oracle.values import about, date_holds, moments, normal, split_prefix

CONTROLS = {"_count", "_total", "_summary", "_sort", "_include", "_revinclude", "_type"}
CONTROLS |= {"_include:iterate", "_revinclude:iterate"}


@dataclass(frozen=True)
class Asked:
    """One search: `path` is `Observation`, `Patient/1/Observation` or nothing."""

    path: str
    pairs: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.pairs if each == name]

    def __str__(self) -> str:
        return f"{self.path}?{'&'.join(f'{name}={value}' for name, value in self.pairs)}"


@dataclass
class Oracle:
    corpus: Corpus
    now: int  # ms, for `ap`
    _memory: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def matches(self, asked: Asked) -> set[str]:
        criteria = [pair for pair in asked.pairs if pair[0] not in CONTROLS]
        return {
            key(resource)
            for resource in self._searched(asked)
            if all(self.holds(resource, name, value) for name, value in criteria)
        }

    def _searched(self, asked: Asked) -> list[Resource]:
        types = [name for value in asked.values("_type") for name in value.split(",")]
        if "/" not in asked.path:
            return self.corpus.of(*([asked.path] if asked.path else types))
        type, id, member = asked.path.split("/")
        searched = self.corpus.of(*(types if member == "*" else [member]))
        return [each for each in searched if _within(each, type, id)]

    def holds(self, resource: Resource, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            return key(resource) in self._referred(name, value)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chain(resource, head, rest, value)
        code, _, modifier = head.partition(":")
        if modifier == "not":
            return not self.holds(resource, code, value)
        if code == "_id":
            return resource["id"] in parts(value, ",")
        if code == "_list":
            items = elements.at(self.corpus.resources[f"List/{value}"], "entry.item")
            return key(resource) in [r for item in items for r in elements.local(item)]
        if code == "_lastUpdated":
            return any(self._updated(resource, text) for text in value.split(","))
        parameter = find(resource["resourceType"], code)
        if parameter is None:
            return False
        if modifier == "missing":
            empty = not any(_values(parameter.kind, each) for each in parameter.elements(resource))
            return empty == (value == "true")
        return any(
            holds(parameter, modifier, text, resource, self.now) for text in parts(value, ",")
        )

    def _updated(self, resource: Resource, text: str) -> bool:
        prefix, rest = split_prefix(text)
        asked = about(moments(rest), self.now) if prefix == "ap" else moments(rest)
        return date_holds(prefix, asked, moments(resource["meta"]["lastUpdated"]))

    def _chain(self, resource: Resource, head: str, rest: str, value: str) -> bool:
        code, _, type = head.partition(":")
        parameter = find(resource["resourceType"], code)
        for reference in parameter.references(resource) if parameter else ():
            if type and not reference.startswith(f"{type}/"):
                continue
            at = (reference, rest, value)
            if at not in self._memory:
                target = self.corpus.find(reference)
                self._memory[at] = bool(target and self.holds(target, rest, value))
            if self._memory[at]:
                return True
        return False

    def _referred(self, name: str, value: str) -> set[str]:
        """What is referred to by resources as `_has` describes them."""
        at = ("", name, value)
        if at not in self._memory:
            _, type, code, rest = name.split(":", 3)
            parameter = OF[type][code]
            self._memory[at] = {
                reference
                for other in self.corpus.of(type)
                if self.holds(other, rest, value)
                for reference in parameter.references(other)
            }
        found: set[str] = self._memory[at]
        return found

    def included(self, asked: Asked, matches: set[str]) -> set[str]:
        """What is added to all matches, those that match themselves left out."""
        found: set[str] = set()
        for iterate in ("", ":iterate"):
            fresh = matches | found if iterate else matches
            while fresh:
                more = self._linked(asked, iterate, fresh)
                fresh = (more - found - matches) if iterate else set()
                found |= more
        return found - matches

    def _linked(self, asked: Asked, iterate: str, sources: Iterable[str]) -> set[str]:
        sources = set(sources)
        found: set[str] = set()
        for value in asked.values(f"_include{iterate}"):
            whole = f"{asked.path}:*" if value == "*" else value
            type, code, target = (*whole.split(":"), "")[:3]
            for source in sources:
                if source.startswith(f"{type}/"):
                    links = self._links(self.corpus.resources[source], code)
                    found |= {each for each in links if each.startswith(_within_type(target))}
        for value in asked.values(f"_revinclude{iterate}"):
            type, code, target = (*value.split(":"), "")[:3]
            for other in self.corpus.of(type):
                links = self._links(other, code)
                named = {each for each in links if each.startswith(_within_type(target))}
                found |= {key(other)} if named & sources else set()
        return {each for each in found if each in self.corpus.resources}

    def _links(self, resource: Resource, code: str) -> list[str]:
        type = resource["resourceType"]
        known = OF.get(type, {})
        parameters = known.values() if code == "*" else [p for c, p in known.items() if c == code]
        references = (p for p in parameters if p.kind == "reference")
        return [each for p in references for each in p.references(resource)]

    def disorder(self, asked: Asked, got: list[str]) -> str:
        """What is wrong with the order of an answer, or nothing."""
        keys = [key for value in asked.values("_sort") for key in value.split(",")]
        for one, next in pairwise(got):
            for code in keys:
                first, second = (
                    self._sort_key(code, self.corpus.resources[r]) for r in (one, next)
                )
                if first == second:
                    continue
                wrong = first is None or (
                    second is not None and (first > second) != code.startswith("-")
                )
                if wrong:
                    return f"by {code}, {one} ({first}) came before {next} ({second})"
                break
        return ""

    def _sort_key(self, code: str, resource: Resource) -> Any:
        name = code.removeprefix("-")
        if name == "_id":
            return resource["id"]
        if name == "_lastUpdated":
            return resource["meta"]["lastUpdated"]
        parameter = find(resource["resourceType"], name)
        assert parameter is not None
        found = [k for each in parameter.elements(resource) for k in _keys(parameter.kind, each)]
        if parameter.kind == "reference":
            found = list(parameter.references(resource))
        if not found:
            return None
        return max(found) if code.startswith("-") else min(found)


def _within_type(type: str) -> str:
    return f"{type}/" if type else ""


def _keys(kind: str, element: Any) -> list[Any]:
    """What a value sorts by."""
    found: list[Any] = []
    if kind == "date":
        found += [start for start, _ in elements.ranges(element)]
    elif kind == "string":
        found += [normal(text) for text in elements.texts(element)]
    elif kind == "token":
        found += [each.code for each in elements.codes(element)]
    elif kind == "number":
        found += elements.numbers(element)
    elif kind == "quantity":
        found += [Decimal(amount.value) for amount in elements.amounts(element)]
    elif kind == "uri":
        found += elements.addresses(element)
    return found


def _values(kind: str, element: Any) -> bool:
    """Whether an element gives a parameter or its modifiers anything to compare."""
    if kind == "reference":
        return bool(element.get("reference") or element.get("identifier", {}).get("value"))
    if kind == "token" and any(elements.words(element)):
        return True
    return kind == "composite" or bool(_keys(kind, element))


def _within(resource: Resource, type: str, id: str) -> bool:
    here = f"{type}/{id}"
    codes = COMPARTMENTS[type].get(resource["resourceType"], ())
    parameters = [find(resource["resourceType"], code) for code in codes]
    return key(resource) == here or any(here in p.references(resource) for p in parameters if p)
