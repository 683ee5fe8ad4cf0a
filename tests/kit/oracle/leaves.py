"""Whether one parameter of one resource satisfies one value of a search
(FHIR R4, Search, 3.1.1.4.4 escaping, 3.1.1.5 modifiers and types)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.kit.oracle import elements
from tests.kit.oracle.parameters import Parameter
from tests.kit.oracle.values import (
    ONE,
    UNITS,
    about,
    date_holds,
    moments,
    normal,
    number_holds,
    split_prefix,
)

UCUM = "http://unitsofmeasure.org"


def parts(text: str, sign: str) -> list[str]:
    """The parts between signs that no backslash stands before, still escaped."""
    return re.split(rf"(?<!\\){re.escape(sign)}", text)


def plain(text: str) -> str:
    return re.sub(r"\\([,$|\\])", r"\1", text)


def holds(parameter: Parameter, modifier: str, value: str, resource: Any, now: int) -> bool:
    """Whether any element has this one value (no commas); `now` in milliseconds."""
    if parameter.kind == "composite":
        return any(
            all(
                holds(part, "", text, element, now)
                for part, text in zip(parameter.parts, parts(value, "$"), strict=True)
            )
            for element in parameter.elements(resource)
        )
    if parameter.kind == "reference" and modifier != "identifier":
        return _reference(parameter, modifier, plain(value), resource)
    if parameter.kind == "date":
        prefix, text = split_prefix(value)
        asked = about(moments(text), now) if prefix == "ap" else moments(text)
        held = (r for element in parameter.elements(resource) for r in elements.ranges(element))
        return any(date_holds(prefix, asked, each) for each in held)
    test = _TESTS[parameter.kind]
    return any(test(element, modifier, value) for element in parameter.elements(resource))


def _reference(parameter: Parameter, modifier: str, value: str, resource: Any) -> bool:
    found = parameter.references(resource)
    if "/" in value:
        return value in found
    return any(
        each.endswith(f"/{value}") and each.startswith(f"{modifier}/" if modifier else "")
        for each in found
    )


def _logical(element: Any, modifier: str, value: str) -> bool:
    return "identifier" in element and _token(element["identifier"], "", value)


def _token(element: Any, modifier: str, value: str) -> bool:
    if modifier == "text":
        asked = normal(plain(value))
        return any(normal(each).startswith(asked) for each in elements.words(element))
    wanted = [plain(part) for part in parts(value, "|")]
    if modifier == "of-type":
        return tuple(wanted) in list(elements.typed_identifiers(element))
    held = list(elements.codes(element))
    if len(wanted) == 1:
        return any(each.code == wanted[0] for each in held)
    system, code = wanted
    return any(each.system in (system, None) and code in (each.code, "") for each in held)


def _string(element: Any, modifier: str, value: str) -> bool:
    asked = plain(value)
    held = list(elements.texts(element))
    if modifier == "exact":
        return asked in held
    if modifier == "contains":
        return any(normal(asked) in normal(each) for each in held)
    return any(normal(each).startswith(normal(asked)) for each in held)


def _uri(element: Any, modifier: str, value: str) -> bool:
    asked = plain(value)
    for held in elements.addresses(element):
        above, below = (asked, held) if modifier == "below" else (held, asked)
        if above == below or (modifier and below.startswith(f"{above}/")):
            return True
    return False


def _number(element: Any, modifier: str, value: str) -> bool:
    prefix, text = split_prefix(value)
    return any(number_holds(prefix, text, held) for held in elements.numbers(element))


def _quantity(element: Any, modifier: str, value: str) -> bool:
    return any(_amount(held, value) for held in elements.amounts(element))


def _amount(held: elements.Amount, value: str) -> bool:
    number, *unit = parts(value, "|")
    prefix, text = split_prefix(number)
    system, code = (plain(part) for part in unit or ("", ""))
    if not code:
        return number_holds(prefix, text, held.value)
    if not system:
        return code in (held.code, held.unit) and number_holds(prefix, text, held.value)
    if system != held.system:
        return False
    if code == held.code:
        return number_holds(prefix, text, held.value)
    asked_unit, held_unit = UNITS.get(code, ONE), UNITS.get(held.code, ONE)
    if system != UCUM or asked_unit.kind != held_unit.kind or asked_unit is ONE:
        return False
    return number_holds(prefix, text, held_unit.plain(held.value), asked_unit)


_TESTS: dict[str, Callable[[Any, str, str], bool]] = {
    "token": _token,
    "string": _string,
    "uri": _uri,
    "number": _number,
    "quantity": _quantity,
    "reference": _logical,
}
