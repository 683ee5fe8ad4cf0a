"""Type names in expressions: `is`, `as`, `ofType` (FHIRPath N1, sections 6.3 and 10.1).

A name without a namespace is looked for in FHIR first, then in System; `Quantity` is in both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from xinglin.fhir.fhirpath.items import (
    SYSTEM_TYPES,
    Collection,
    Item,
    Thing,
    TypeInfo,
    is_a,
    refused,
    type_name,
)
from xinglin.fhir.fhirpath.tree import Member, Node
from xinglin.fhir.r4 import model

Test = Callable[[Thing], bool]
# Profiles on Quantity that R4 expressions name as if they were types.
_PROFILES: Final = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


def specifier(node: Node) -> str:
    """The type that an argument names, as in `ofType(FHIR.Patient)`."""
    match node:
        case Member(source=None):
            return node.name
        case Member(source=Member(source=None, name=namespace)):
            return f"{namespace}.{node.name}"
    raise refused("not-a-type", "invalid")


def is_fhir_type(name: str) -> bool:
    return bool(name) and (
        model.is_resource(name) or model.is_primitive(name) or bool(model.elements(name))
    )


def resolved(name: str) -> tuple[str | None, str | None]:
    """The FHIR type and the System type that a name can mean."""
    namespace, _, simple = name.rpartition(".")
    simple = _PROFILES.get(simple, simple)
    fhir = simple if namespace in ("", "FHIR") and is_fhir_type(simple) else None
    known = namespace in ("", "System") and simple in SYSTEM_TYPES
    if namespace and fhir is None and not known and is_fhir_type(name):
        fhir = name  # a backbone element: "Patient.contact"
    if fhir is None and not known:
        raise refused("unknown-type", "invalid", type=name)
    return fhir, simple if known else None


@lru_cache(maxsize=1024)
def is_test(name: str) -> Test:
    """`is`: of the type, or of one derived from it."""
    fhir, plain = resolved(name)
    qualified = f"System.{plain}"

    def test(thing: Thing) -> bool:
        if isinstance(thing, Item):
            return fhir is not None and is_a(thing.type, fhir)
        return plain is not None and (plain == "Any" or type_name(thing) == qualified)

    return test


@lru_cache(maxsize=1024)
def cast_test(name: str) -> Test:
    """`as` and `ofType`. A FHIR primitive is not widened to the type that it narrows:
    `gender.ofType(string)` is empty, while `gender is string` is true."""
    fhir, _ = resolved(name)
    if fhir is None or not model.is_primitive(fhir):
        return is_test(name)

    def test(thing: Thing) -> bool:
        return isinstance(thing, Item) and thing.type == fhir

    return test


def reflected(source: Collection) -> Collection:
    """`type()`."""
    found: Collection = []
    for thing in source:
        namespace, _, name = type_name(thing).partition(".")
        base = f"FHIR.{model.parent(name)}" if namespace == "FHIR" else "System.Any"
        found.append(TypeInfo(namespace, name, base))
    return found
