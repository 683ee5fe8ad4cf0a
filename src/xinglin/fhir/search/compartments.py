"""Compartments: whose record a resource belongs to (FHIR R4, CompartmentDefinition)."""

from __future__ import annotations

from functools import lru_cache

from xinglin.fhir.r4 import model
from xinglin.fhir.search.parameters import Parameter, Registry


@lru_cache(maxsize=2048)
def members(registry: Registry, owner: str, resource: str) -> tuple[Parameter, ...]:
    """The reference parameters of `resource` by which it lies in a compartment of `owner`.

    Empty where the compartment has no such resources. A Patient is in the compartment of
    another by `link`; that it is in its own is not said by a parameter.
    """
    codes = model.compartments().get(owner, {}).get(resource, ())
    found = (registry.find(resource, code) for code in codes)
    return tuple(parameter for parameter in found if parameter is not None)
