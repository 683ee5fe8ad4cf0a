"""The index values of a resource: what its search parameters find in it (FHIR R4, Search,
3.1.1.2).

For each resource type one function is generated when its first resource comes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.general import General
from xinglin.fhir.search.generation import Plan, plan
from xinglin.fhir.search.parameters import Registry


class Extractor:
    """Extracts with one registry: `Extractor(registry)(resource.value)`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._functions: dict[type[Struct], Callable[[Struct], Entries]] = {}

    def __call__(self, value: Struct) -> Entries:
        """The entries of a resource, given as the Struct of its type."""
        found = self._functions.get(value.__class__)
        if found is None:
            found = self._functions[value.__class__] = self._function(value.__class__)
        return found(value)

    def plan(self, resource: str) -> Plan:
        """How the parameters of a type are extracted."""
        return plan(resource, self._registry.by_type.get(resource, {}).values())

    def _function(self, struct: type[Struct]) -> Callable[[Struct], Entries]:
        made = self.plan(str(struct.__struct_config__.tag))
        if not made.beyond:
            return made.run
        general = General(made.beyond)

        def both(value: Struct) -> Entries:
            entries = made.run(value)
            general.add(value, entries)
            return entries

        return both


@lru_cache(maxsize=4)
def _extractor(registry: Registry) -> Extractor:
    return Extractor(registry)


def extract(registry: Registry, value: Struct) -> Entries:
    """The index values of one resource."""
    return _extractor(registry)(value)
