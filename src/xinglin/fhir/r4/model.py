"""What FHIR R4 defines: types and their elements, search parameters, compartments.

Reads the packaged tables that `tools/generate_r4.py` makes from the published specification
(https://hl7.org/fhir/R4). A type is decoded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import msgspec


class Element(NamedTuple):
    """One element of a type. The order of the fields is that of the columns in the data file."""

    name: str
    """As FHIRPath says it: `value`, never `value[x]` or `valueQuantity`."""
    types: tuple[str, ...]
    """FHIR types; a backbone element has one type, its path (`Patient.contact`)."""
    many: bool = False
    choice: bool = False
    targets: tuple[str, ...] = ()
    """For References and canonicals: the types pointed at (`Resource` for any)."""
    required: bool = False
    summary: bool = False
    """Part of the answer to `_summary=true`."""
    binding: str = ""
    """Canonical URL of the value set, where the binding is required."""


class _Type(NamedTuple):
    parent: str | None
    kind: str
    abstract: bool
    elements: tuple[Element, ...]


class _Structures(msgspec.Struct):
    types: dict[str, msgspec.Raw]
    uri_elements: frozenset[str]


class SearchParameter(msgspec.Struct, frozen=True):
    """A SearchParameter resource, cut down to what a search needs (R4 SearchParameter)."""

    url: str
    code: str
    type: str
    base: tuple[str, ...]
    expression: str
    target: tuple[str, ...] = ()
    component: tuple[tuple[str, str], ...] = ()
    """Of a composite: the URL of each part's parameter, and its expression."""
    multipleOr: bool = True  # noqa: N815  (FHIR's name)


def _data(name: str) -> bytes:
    return files(__package__).joinpath("data", name).read_bytes()


_STRUCTURES = msgspec.json.decode(_data("structures.json"), type=_Structures)

URI_ELEMENTS: frozenset[str] = _STRUCTURES.uri_elements
"""JSON property names that hold a uri, url, canonical, oid or uuid in some type."""


@cache
def _type(name: str) -> _Type | None:
    raw = _STRUCTURES.types.get(name)
    return None if raw is None else msgspec.json.decode(raw, type=_Type)


@cache
def elements(type_name: str) -> Mapping[str, Element]:
    """The elements of a type by name, inherited ones first; empty for an unknown type."""
    found = _type(type_name)
    if found is None:
        return MappingProxyType({})
    inherited = elements(found.parent) if found.parent else {}
    return MappingProxyType({**inherited, **{e.name: e for e in found.elements}})


def element(type_name: str, name: str) -> Element | None:
    """One element of a type (`element("Patient.contact", "gender")`), or None if it has no such."""
    return elements(type_name).get(name)


@cache
def properties(type_name: str) -> Mapping[str, tuple[Element, str]]:
    """The elements of a type by their names in JSON, each with its type there.

    >>> properties("Observation")["valueQuantity"][1]
    'Quantity'
    """
    return MappingProxyType(
        {
            e.name + kind[0].upper() + kind[1:] if e.choice else e.name: (e, kind)
            for e in elements(type_name).values()
            for kind in e.types
        }
    )


def codes(value_set: str) -> tuple[str, ...]:
    """The codes of a value set that some element requires; empty where no list exists."""
    from xinglin.fhir.r4.generated.codes import VALUE_SETS

    return get_args(VALUE_SETS.get(value_set, ()))


def parent(type_name: str) -> str | None:
    """The type that a type specializes: `Age` → `Quantity`, `code` → `string`."""
    found = _type(type_name)
    return found.parent if found else None


def is_resource(type_name: str) -> bool:
    """Whether this is a resource type, `Resource` and `DomainResource` included."""
    found = _type(type_name)
    return found is not None and found.kind == "resource"


def is_primitive(type_name: str) -> bool:
    """Whether this is a primitive type (`code`, `dateTime` …)."""
    found = _type(type_name)
    return found is not None and found.kind == "primitive-type"


def _resource_types() -> tuple[str, ...]:
    capitals = (name for name in _STRUCTURES.types if name[0].isupper() and "." not in name)
    found = ((name, _type(name)) for name in capitals)
    return tuple(sorted(n for n, t in found if t and t.kind == "resource" and not t.abstract))


RESOURCE_TYPES: tuple[str, ...] = _resource_types()
"""The concrete resource types, sorted."""


@cache
def search_parameters() -> tuple[SearchParameter, ...]:
    """Every search parameter of R4 that is defined by an expression, in the order of their URLs."""

    class _File(msgspec.Struct):
        parameters: dict[str, SearchParameter]

    return tuple(
        msgspec.json.decode(_data("search-parameters.json"), type=_File).parameters.values()
    )


@cache
def compartments() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """By compartment and resource type, the search parameters (or `{def}`: the resource itself)
    that put a resource into it."""
    file: Any = msgspec.json.decode(_data("compartments.json"))
    return {
        name: {resource: tuple(codes) for resource, codes in members.items()}
        for name, members in file["compartments"].items()
    }
