"""Which references put a resource into a compartment (FHIR R4, CompartmentDefinition;
https://hl7.org/fhir/R4/compartmentdefinition.html)."""

from __future__ import annotations

from typing import Final

from xinglin.fhir.r4 import model
from xinglin.fhir.search.parameters import Parameter, Registry

_ITSELF: Final = "{def}"  # the compartment's own resource, which is in it anyway


def members(registry: Registry, compartment: str, resource: str) -> tuple[Parameter, ...]:
    """The parameters by which a resource of a type belongs to a compartment of a type: if the
    values of any of them refer to the compartment's resource. Each is one that keeps values
    itself (`subject`, not `patient`); none where the type is never in such a compartment."""
    codes = model.compartments().get(compartment, {}).get(resource, ())
    found = (registry.find(resource, code) for code in codes if code != _ITSELF)
    return tuple(dict.fromkeys(parameter.kept for parameter in found if parameter))
