"""The CapabilityStatement, made from what is really there: the tables of interactions and
operations, the search parameters, the settings (FHIR R4, CapabilityStatement).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version as installed
from typing import Any, Final

from xinglin.fhir.r4.model import RESOURCE_TYPES, compartments
from xinglin.fhir.search.parameters import Parameter, Registry
from xinglin.server import media
from xinglin.server.declare import Operation
from xinglin.server.routes import Routes
from xinglin.server.settings import Settings

Element = dict[str, Any]

_SYSTEM: Final = frozenset({"transaction", "batch", "search-system", "history-system"})
_HL7: Final = "http://hl7.org/fhir"


def statement(
    routes: Routes, registry: Registry, settings: Settings, base: str, date: str
) -> Element:
    """`date` is an instant: when the server started."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "Xinglin 杏林", "version": installed("xinglin")},
        "implementation": {"description": "Xinglin FHIR R4 server", "url": base},
        "fhirVersion": "4.0.1",
        "format": [media.FHIR_JSON, "json"],
        "patchFormat": list(media.PATCHES),
        "rest": [_rest(routes, registry, settings)],
    }


def _rest(routes: Routes, registry: Registry, settings: Settings) -> Element:
    codes = _codes(routes)
    system = [{"code": code} for code in codes if code in _SYSTEM]
    rest: Element = {
        "mode": "server",
        "security": {"cors": bool(settings.cors_origins)},
        "resource": [_resource(type, routes, registry, settings) for type in RESOURCE_TYPES],
        "interaction": system,
        "compartment": [f"{_HL7}/CompartmentDefinition/{c.lower()}" for c in compartments()],
    }
    operations = [_operation(o) for o in routes.operations if "system" in o.levels]
    return rest | ({"operation": operations} if operations else {})


def _codes(routes: Routes) -> Sequence[str]:
    """Each once, in the order of the tables."""
    return list(dict.fromkeys(row.code for row in routes.interactions if row.code))


def _resource(type: str, routes: Routes, registry: Registry, settings: Settings) -> Element:
    declared = {(row.method, row.path) for row in routes.interactions}
    parameters = registry.by_type.get(type, {}).values()
    element: Element = {
        "type": type,
        "profile": f"{_HL7}/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in _codes(routes) if code not in _SYSTEM],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": ("POST", "{type}") in declared,
        "conditionalRead": "full-support",
        "conditionalUpdate": ("PUT", "{type}") in declared,
        "conditionalDelete": "multiple" if settings.delete_multiple else "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": ["*", *_references(type, parameters)],
        "searchRevInclude": list(_reverse(type, registry)),
        "searchParam": [_parameter(parameter) for parameter in parameters],
    }
    operations = [
        _operation(o, type)
        for o in routes.operations
        if set(o.levels) & {"type", "instance"} and (o.types is None or type in o.types)
    ]
    filled = {name: value for name, value in element.items() if value != []}
    return filled | ({"operation": operations} if operations else {})


def _references(type: str, parameters: Iterable[Parameter]) -> Iterator[str]:
    return (f"{type}:{each.code}" for each in parameters if each.kind == "reference")


def _reverse(type: str, registry: Registry) -> Iterator[str]:
    for source, parameters in registry.by_type.items():
        for each in parameters.values():
            if each.kind == "reference" and (type in each.targets or not each.targets):
                yield f"{source}:{each.code}"


def _parameter(parameter: Parameter) -> Element:
    element = {"name": parameter.code, "type": parameter.kind}
    return element | ({"definition": parameter.url} if parameter.url else {})


def _operation(operation: Operation, type: str = "Resource") -> Element:
    """An operation of some types alone is defined for each of them."""
    name = operation.name
    level = "Resource" if operation.types is None else type
    return {
        "name": name,
        "definition": operation.definition or f"{_HL7}/OperationDefinition/{level}-{name}",
    }
