"""One value of one search parameter as a leaf of the tree (FHIR R4, Search, 3.1.1.5).

Decisions where the standard leaves a choice:

- The system of an element of type code (or id, string, uri, boolean) is implied, so
  `status=http://…|final` asks for `final` whatever the system.
- `:text` finds what begins with the words, as a string search does.
- A bare id means that resource of every type that the parameter may refer to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

from xinglin.fhir.fhirpath import parse
from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4 import model
from xinglin.fhir.search.leaves import target
from xinglin.fhir.search.parameters import Parameter, Registry
from xinglin.fhir.search.paths import Beyond, Path, paths
from xinglin.fhir.search.refusals import refusal
from xinglin.fhir.search.strings import normalise
from xinglin.fhir.search.tree import (
    Composite,
    Date,
    Leaf,
    Number,
    Quantity,
    Reference,
    String,
    Token,
    Uri,
)
from xinglin.fhir.search.values import date_range, number_bounds, split, unescape

_id_shape = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII).fullmatch
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII).match


@dataclass(slots=True)
class Reading:
    """What a query is read with, and how much of it may still come."""

    registry: Registry
    base: str  # of this server, without a slash at the end
    now_ms: int
    leaves: int  # how many more leaves and links the search may have
    at: str = ""  # the parameter being read, as written

    def spend(self) -> None:
        self.leaves -= 1
        if self.leaves < 0:
            raise refusal(self.at, "too-costly", "too-many-values")

    def wrong(self, text: str, kind: str) -> Refused:
        return refusal(self.at, "value", "bad-value", value=text, kind=kind)


def terms(
    reading: Reading,
    parameter: Parameter,
    modifier: str | None,
    text: str,
    targets: tuple[str, ...] = (),
) -> Sequence[Leaf | Composite]:
    """The leaves of one value, the alternative between two commas; any of them may hold.

    Args:
        targets: of a reference, the types that it may name.

    Raises:
        Refused: it is no value of this kind of parameter.
    """
    if not text:
        raise refusal(reading.at, "value", "empty-value")
    if parameter.kind == "composite":
        return _composite(reading, parameter, text)
    return _leaves(reading, parameter, modifier, text, targets)


def _leaves(
    reading: Reading,
    parameter: Parameter,
    modifier: str | None,
    text: str,
    targets: tuple[str, ...],
) -> list[Leaf]:
    if parameter.kind == "reference" and modifier is None:
        return _spent(reading, _reference(reading, parameter, text, targets))
    if parameter.kind == "reference" and parameter.identifier:
        parameter, modifier = parameter.identifier, None
    return _spent(reading, _READERS[parameter.kind](reading, parameter, modifier, text))


def _spent(reading: Reading, found: list[Leaf]) -> list[Leaf]:
    for _ in found:
        reading.spend()
    return found


@cache
def _element_types(parameter: Parameter) -> frozenset[str]:
    """The FHIR types that a parameter's values have; empty where that cannot be told."""
    try:
        tree = parse(parameter.expression)
        found = paths(tree, parameter.resource, Path((), parameter.resource))
    except (Beyond, Refused):  # components are relative to an element, variants have no path
        return frozenset()
    return frozenset(path.type for path in found)


def _token(reading: Reading, parameter: Parameter, modifier: str | None, text: str) -> list[Leaf]:
    if modifier == "text" and parameter.text:
        return _string(reading, parameter.text, None, text)
    parts = [unescape(part) for part in split(text, "|")]
    if modifier == "of-type" and parameter.of_type:
        if len(parts) != 3 or not all(parts):
            raise reading.wrong(text, "system|code|value")
        return [Token(parameter.of_type, parts[0], f"{parts[1]}|{parts[2]}")]
    if len(parts) > 2 or not any(parts):
        raise reading.wrong(text, "token")
    return [_plain_token(reading, parameter, parts)]


def _plain_token(reading: Reading, parameter: Parameter, parts: list[str]) -> Token:
    system: str | None
    code: str | None
    system, code = parts if len(parts) == 2 else (None, parts[0])
    types = _element_types(parameter)
    if types == {"boolean"} and code not in ("true", "false"):
        raise reading.wrong("|".join(parts), "boolean")
    if code and types and all(model.is_primitive(each) for each in types):
        system = None
    return Token(parameter, system, code or None)


def _string(reading: Reading, parameter: Parameter, modifier: str | None, text: str) -> list[Leaf]:
    text = unescape(text)
    if modifier == "exact":
        return [String(parameter, "exact", text)]
    if not normalise(text):
        raise refusal(reading.at, "value", "empty-value")
    return [String(parameter, "contains" if modifier == "contains" else "starts", text)]


def _uri(reading: Reading, parameter: Parameter, modifier: str | None, text: str) -> list[Leaf]:
    mode: Final = {"below": "below", "above": "above"}.get(modifier or "", "exact")
    text = unescape(text)
    if mode == "below":
        return [Uri(parameter, "below", text.rstrip("/"))]
    return [Uri(parameter, "above" if mode == "above" else "exact", text)]


def possible_types(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """The resource types that some reference parameters may name."""
    found = dict.fromkeys(each for parameter in parameters for each in parameter.targets)
    if "Resource" in found or not all(parameter.targets for parameter in parameters):
        return model.RESOURCE_TYPES
    return tuple(found)


def _reference(
    reading: Reading, parameter: Parameter, text: str, targets: tuple[str, ...]
) -> list[Leaf]:
    text = unescape(text)
    if reading.base and text.startswith(f"{reading.base}/"):
        text = text[len(reading.base) + 1 :]
    if _id_shape(text):
        return [Reference(parameter, each, text) for each in targets]
    name, found = target(text)
    if name:
        # A type that cannot be named here is no mistake: nothing refers to it.
        return [Reference(parameter, name, found)] if name in targets else []
    if _absolute(text):
        return [Uri(parameter, "exact", text)]
    raise reading.wrong(text, "reference")


def _date(reading: Reading, parameter: Parameter, modifier: str | None, text: str) -> list[Leaf]:
    try:
        return [Date(parameter, *date_range(text, reading.now_ms))]
    except ValueError:
        raise reading.wrong(text, "date") from None


def _number(reading: Reading, parameter: Parameter, modifier: str | None, text: str) -> list[Leaf]:
    try:
        return [Number(parameter, *number_bounds(text))]
    except ValueError:
        raise reading.wrong(text, "number") from None


def _quantity(
    reading: Reading, parameter: Parameter, modifier: str | None, text: str
) -> list[Leaf]:
    number, *unit = [unescape(part) for part in split(text, "|")]
    system, code = unit if len(unit) == 2 else ("", "")
    if len(unit) not in (0, 2) or (system and not code):
        raise reading.wrong(text, "number|system|code")
    try:
        bounds = number_bounds(number)
    except ValueError:
        raise reading.wrong(text, "quantity") from None
    return [Quantity(parameter, *bounds, system or None, code or None)]


def _composite(reading: Reading, parameter: Parameter, text: str) -> list[Composite]:
    parts = split(text, "$")
    if len(parts) != len(parameter.components) or not all(parts):
        form = "$".join(component.code for component in parameter.components)
        raise reading.wrong(text, form)
    found = [
        _leaves(reading, component, None, part, possible_types((component,)))
        for component, part in zip(parameter.components, parts, strict=True)
    ]
    return [Composite(parameter, combination) for combination in product(*found)]


_READERS: Final[dict[str, Callable[[Reading, Parameter, str | None, str], list[Leaf]]]] = {
    "token": _token,
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
}
