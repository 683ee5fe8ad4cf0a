"""The index values of a resource: what its search parameters find in it (FHIR R4, Search,
3.1.1.2).

For each resource type one function is generated when its first resource comes.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.generation import Plan, plan
from xinglin.fhir.search.parameters import Registry


class Extractor:
    """Extracts with one registry: `Extractor(registry)(resource.value)`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._plans: dict[type[Struct], Plan] = {}

    def __call__(self, value: Struct) -> Entries:
        """The entries of a resource, given as the Struct of its type."""
        found = self._plans.get(value.__class__)
        if found is None:
            found = self._plans[value.__class__] = self.plan(value.__class__)
        return found.run(value)

    def plan(self, struct: type[Struct]) -> Plan:
        name = str(struct.__struct_config__.tag)
        return plan(name, self._registry.by_type.get(name, {}).values())


@lru_cache(maxsize=4)
def _extractor(registry: Registry) -> Extractor:
    return Extractor(registry)


def extract(registry: Registry, value: Struct) -> Entries:
    """The index values of one resource."""
    return _extractor(registry)(value)
