"""What a FHIRPath collection holds while it is evaluated (FHIRPath N1, section 2; FHIR R4,
section "FHIRPath", 2.9.1: how FHIR types become System types).

A System value is the plain Python value. A FHIR element is an `Item`: its JSON beside the
name of its type, because JSON alone cannot tell a code from a string.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import Struct

from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath.tree import QuantityLiteral as Quantity
from xinglin.fhir.outcome import Code, Issue, Refused
from xinglin.fhir.r4 import model

Json = Any  # dict, list, str, bool, int, Decimal or None
UCUM: Final = "http://unitsofmeasure.org"
WIDEST: Final = 100  # powers of ten a decimal may have; FHIR asks for 18 digits


class Item(Struct, eq=False):
    """One FHIR element. (A Struct, because thousands are made and C makes them.)"""

    type: str  # "HumanName", "Patient.contact", "date"
    json: Json  # None for a primitive that has only extensions
    extra: Json  # the object under "_birthDate"
    home: Json  # the resource that references such as "#p1" are resolved in


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What `type()` answers (FHIRPath N1, section 10.2)."""

    namespace: str
    name: str
    base: str

    def part(self, name: str) -> list[str]:
        parts = {"namespace": self.namespace, "name": self.name, "baseType": self.base}
        return [parts[name]] if name in parts else []


Atom = bool | int | Decimal | str | Date | DateTime | Time | Quantity
Thing = Atom | Item | TypeInfo
Collection = list[Thing]


class Value(NamedTuple):
    """One item of a result. `type` is "FHIR.date", "System.Boolean", "FHIR.Quantity" …"""

    type: str
    json: Json


def refused(key: str, code: Code = "processing", **given: str | int) -> Refused:
    return Refused(Issue(code, f"fhir.path-{key}", given=given))


_SYSTEM: Final[dict[type, str]] = {
    bool: "Boolean",
    int: "Integer",
    Decimal: "Decimal",
    str: "String",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    Quantity: "Quantity",
    TypeInfo: "TypeInfo",
}
_RESOURCES: Final = frozenset(model.RESOURCE_TYPES)
SYSTEM_TYPES: Final = frozenset(_SYSTEM.values()) | {"Any"}


def type_name(thing: Thing) -> str:
    """Qualified: "FHIR.code", "System.String"."""
    return f"FHIR.{thing.type}" if isinstance(thing, Item) else f"System.{_SYSTEM[type(thing)]}"


@lru_cache(maxsize=1024)
def is_a(name: str, base: str) -> bool:
    """Is a FHIR type the other or derived from it?"""
    at: str | None = name
    while at is not None and at != base:
        at = model.parent(at)
    return at is not None


def _text(json: Json) -> str:
    if not isinstance(json, str):
        raise ValueError(json)
    return json


def _boolean(json: Json) -> bool:
    if not isinstance(json, bool):
        raise ValueError(json)
    return json


def _integer(json: Json) -> int:
    if not isinstance(json, int) or isinstance(json, bool):
        raise ValueError(json)
    return json


def decimal(json: Json) -> Decimal:
    if isinstance(json, bool) or not isinstance(json, int | float | Decimal):
        raise ValueError(json)
    value = Decimal(repr(json)) if isinstance(json, float) else Decimal(json)
    # 1E+999999999 is short to send and endless to write out.
    if not value.is_finite() or not -WIDEST < value.adjusted() < WIDEST:
        raise ValueError(json)
    return value


def _quantity(json: Json) -> Quantity:
    value = decimal(json.get("value"))
    unit = json.get("code") if json.get("system") == UCUM else json.get("unit")
    return Quantity(value, str(unit or json.get("code") or "1"), calendar=False)


_READERS: Final = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": decimal,
    "date": lambda json: Date.parse(_text(json)),
    "dateTime": lambda json: DateTime.parse(_text(json)),
    "instant": lambda json: DateTime.parse(_text(json)),
    "time": lambda json: Time.parse(_text(json)),
    "string": _text,
    "uri": _text,
    "base64Binary": _text,
    "xhtml": _text,
    "Quantity": _quantity,
}


@lru_cache(maxsize=1024)
def system_reader(name: str) -> Any:
    """How the JSON of a FHIR type is read as a System value; None where it has none."""
    at: str | None = name
    while at is not None and at not in _READERS:
        at = model.parent(at)
    return None if at is None else _READERS[at]


def system(thing: Thing) -> Thing:
    """The System value of a FHIR primitive or Quantity; anything else as it is."""
    if not isinstance(thing, Item):
        return thing
    reader = system_reader(thing.type)
    if reader is None or thing.json is None:
        return thing
    if reader is _text and thing.json.__class__ is str:
        return str(thing.json)
    try:
        atom: Atom = reader(thing.json)
    except (ValueError, AttributeError):
        raise refused("bad-value", "value", type=thing.type) from None
    return atom


def resource_type(json: Json) -> str | None:
    """What a JSON object says it is, if FHIR knows that."""
    name = json.get("resourceType")
    return name if isinstance(name, str) and name in _RESOURCES else None


def things(json: Json) -> Collection:
    """The items of a variable or a resource given from outside."""
    if json is None:
        return []
    if isinstance(json, list):
        return [thing for one in json for thing in things(one)]
    if isinstance(json, Value):
        return [_typed(json)]
    if isinstance(json, dict):
        name = resource_type(json)
        if name is None:
            raise refused("no-type", "structure")
        return [Item(name, json, None, json)]
    if isinstance(json, float):
        return [decimal(json)]
    if not isinstance(json, bool | int | Decimal | str | Date | DateTime | Time | Quantity):
        raise refused("no-type", "structure")
    return [json]


def _typed(value: Value) -> Thing:
    namespace, _, name = value.type.partition(".")
    if namespace == "System":
        # Written as its FHIR namesake: System.DateTime as a dateTime.
        like = name if name == "Quantity" else name[:1].lower() + name[1:]
        return system(Item(like, value.json, None, None))
    return Item(name, value.json, None, value.json)


def exposed(thing: Thing) -> Value:
    """A result as the outside sees it: JSON with a type."""
    if isinstance(thing, Item):
        return Value(type_name(thing), thing.json)
    json: Json = thing
    if isinstance(thing, Date | DateTime | Time):
        json = str(thing)
    elif isinstance(thing, Quantity):
        json = {"value": thing.value, "unit": thing.unit}
        if not thing.calendar:
            json |= {"system": UCUM, "code": thing.unit}
    elif isinstance(thing, TypeInfo):
        json = {"namespace": thing.namespace, "name": thing.name, "baseType": thing.base}
    return Value(type_name(thing), json)
