"""The elements of every type, taken from the StructureDefinitions' snapshots.

Each type lists only the elements it adds to its parent; `Patient.contact` (a backbone
element) is a type of its own whose parent is `BackboneElement` or `Element`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .source import Definition, Definitions

FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"

# https://hl7.org/fhir/R4/datatypes.html#primitive: what is an XML attribute cannot be extended
URI_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})


@dataclass
class Element:
    """One element: `types` are FHIR type names, or the path of a backbone element."""

    name: str
    types: list[str]
    many: bool
    choice: bool
    targets: list[str]
    required: bool
    summary: bool
    binding: str
    extensible: bool  # has a `_name` twin in JSON


@dataclass
class Type:
    """A resource, data type, primitive or backbone element, with the elements it adds."""

    name: str
    parent: str | None
    kind: str  # resource, complex-type, primitive-type or backbone
    abstract: bool
    elements: list[Element] = field(default_factory=list)


def all_types(definitions: Definitions) -> dict[str, Type]:
    """Every type of R4 by name, sorted."""
    types: dict[str, Type] = {}
    for definition in definitions.structures():
        for found in _types_of(definition):
            types[found.name] = found
    return dict(sorted(types.items()))


def _types_of(definition: Definition) -> list[Type]:
    name = definition["type"]
    base = definition.get("baseDefinition")
    root = Type(
        name, base and base.removeprefix(STRUCTURE), definition["kind"], definition["abstract"]
    )
    found = {name: root}
    if root.kind == "primitive-type":
        return [root]
    elements = definition["snapshot"]["element"][1:]
    parents = {e["path"].rpartition(".")[0] for e in elements}
    for raw in elements:
        path = raw["path"]
        owner, _, local = path.rpartition(".")
        if path in parents:
            found[path] = Type(path, raw["type"][0]["code"], "backbone", abstract=False)
        if _own(raw, name):
            found[owner].elements.append(_element(raw, local, path if path in parents else None))
    return list(found.values())


def _own(raw: dict[str, Any], type_name: str) -> bool:
    """Whether this type defines the element itself, or only inherits it."""
    defined_by: str = raw["base"]["path"]
    return defined_by == raw["path"] or defined_by.split(".")[0] == type_name


def _element(raw: dict[str, Any], name: str, backbone: str | None) -> Element:
    choice = name.endswith("[x]")
    declared = raw.get("type", [])
    if backbone:
        types = [backbone]
    elif "contentReference" in raw:
        types = [raw["contentReference"].removeprefix("#")]
    else:
        types = [_type_name(raw["path"], t) for t in declared]
    targets = {p.removeprefix(STRUCTURE) for t in declared for p in t.get("targetProfile", [])}
    attribute = any(t["code"].startswith("http://hl7.org/fhirpath/") for t in declared)
    binding = raw.get("binding", {})
    required = binding.get("strength") == "required"
    return Element(
        name=name.removesuffix("[x]"),
        types=types,
        many=raw["max"] not in {"0", "1"},
        choice=choice,
        targets=sorted(targets),
        required=raw["min"] > 0,
        summary=raw.get("isSummary", False),
        binding=binding["valueSet"].partition("|")[0] if required else "",
        extensible=not attribute and types != ["xhtml"],
    )


def _type_name(path: str, declared: dict[str, Any]) -> str:
    code: str = declared["code"]
    if not code.startswith("http://hl7.org/fhirpath/"):
        return code
    if path.count(".") == 1 and path.endswith(".id") and path[0].isupper():
        return "id" if path == "Resource.id" else "string"
    extensions = declared.get("extension", [])
    named = [e["valueUrl"] for e in extensions if e["url"] == FHIR_TYPE]
    return named[0] if named else "string"


def uri_properties(types: dict[str, Type]) -> list[str]:
    """The JSON property names that hold a uri, url, canonical, oid or uuid somewhere in R4."""
    names: set[str] = set()
    for owner in types.values():
        for element in owner.elements:
            for name in URI_TYPES.intersection(element.types):
                suffix = name[0].upper() + name[1:] if element.choice else ""
                names.add(element.name + suffix)
    return sorted(names)
