"""Search parameters whose expression is more than plain paths, through the FHIRPath engine
(FHIR R4, Search, 3.1.1.2).

Hundreds of times slower than generated code, and rare: none of R4's own needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from xinglin.fhir.fhirpath import Value
from xinglin.fhir.fhirpath import compile as compiled
from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4 import model, struct
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.generation import LISTS, converter
from xinglin.fhir.search.leaves import target
from xinglin.fhir.search.parameters import Parameter

_SYSTEM: Final = {
    "System.Boolean": "boolean",
    "System.String": "string",
    "System.Integer": "integer",
    "System.Decimal": "decimal",
    "System.Date": "date",
    "System.DateTime": "dateTime",
    "System.Quantity": "Quantity",
}
_json = msgspec.json.Encoder(decimal_format="number").encode
_parsed = msgspec.json.Decoder(Any, float_hook=Decimal).decode


class General:
    """Adds what some parameters of one resource type find."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._rules = [(p, compiled(p.expression)) for p in parameters]

    def add(self, resource: msgspec.Struct, entries: Entries) -> None:
        json = _parsed(_json(resource))
        lists = {name: getattr(entries, name) for name in LISTS}
        for parameter, expression in self._rules:
            try:
                found = expression(json, resolver=_resolved)
            except Refused:
                continue  # it has no value in this resource, which is itself as it should be
            for value in found:
                _add(parameter, value, lists)
        for name, items in lists.items():
            setattr(entries, name, list(dict.fromkeys(items)))


def _add(parameter: Parameter, value: Value, lists: dict[str, list[Any]]) -> None:
    name = _SYSTEM.get(value.type, value.type.removeprefix("FHIR."))
    add = _converter(parameter, name)
    if add and value.json is not None:
        held = value.json if model.is_primitive(name) else msgspec.convert(value.json, struct(name))
        add(held, **lists)


@cache
def _converter(parameter: Parameter, fhir_type: str) -> Callable[..., None] | None:
    return converter(parameter, fhir_type)


def _resolved(reference: str) -> dict[str, str] | None:
    """Only the type of what a reference names can be known here: `resolve() is Patient`."""
    name, found = target(reference)
    return {"resourceType": name, "id": found} if name else None
