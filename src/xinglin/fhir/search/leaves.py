"""What a FHIR element contributes to the index, by the type of the parameter and its own
(FHIR R4, Search, 3.1.1.5: the tables under token, string, date, quantity and reference).

A converter appends entries to a list; the generated code of `generation.py` calls it. Choices:

- An element of type code, id, string, uri or boolean is a token without a system.
- A ContactPoint is a token whose system is its own (`phone`, `email` …).
- A Range is its two bounds, each a value by itself: `gt5` finds a range that ends above 5.
- A Timing is one range, from its first event or the start of its bounds to the last or the end.
- A SampledData has no value that could be compared.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from msgspec import UNSET

from xinglin.fhir.dates import range_ms
from xinglin.fhir.r4 import model
from xinglin.fhir.search.entries import MAX_MS, MIN_MS

Into = list[Any]
Variant = int | None
CURRENCY: Final = "urn:iso:std:iso:4217"

# Tokens. `text`, `of_type` and `identifier` are the numbers of the parameter's variants; None
# for the component of a composite, which has none.


def coding(value: Any, number: int, text: Variant, tokens: Into, strings: Into) -> None:
    if value.code is not UNSET:
        tokens.append((number, value.system or "", value.code))
    if text is not None and value.display is not UNSET:
        strings.append((text, value.display))


def codeable_concept(value: Any, number: int, text: Variant, tokens: Into, strings: Into) -> None:
    if value.coding is not UNSET:
        for each in value.coding:
            if each.code is not UNSET:
                tokens.append((number, each.system or "", each.code))
            if text is not None and each.display is not UNSET:
                strings.append((text, each.display))
    if text is not None and value.text is not UNSET:
        strings.append((text, value.text))


def identifier(
    value: Any, number: int, of_type: Variant, text: Variant, tokens: Into, strings: Into
) -> None:
    held = value.value
    if held is not UNSET:
        tokens.append((number, value.system or "", held))
    if of_type is None or text is None or value.type is UNSET:
        return
    if value.type.text is not UNSET:
        strings.append((text, value.type.text))
    if value.type.coding is not UNSET and held is not UNSET:
        for each in value.type.coding:
            if each.code is not UNSET:
                tokens.append((of_type, each.system or "", f"{each.code}|{held}"))


def contact_point(value: Any, number: int, tokens: Into) -> None:
    if value.value is not UNSET:
        tokens.append((number, value.system or "", value.value))


def boolean(value: Any, number: int, tokens: Into) -> None:
    tokens.append((number, "", "true" if value else "false"))


# Strings


def human_name(value: Any, number: int, into: Into) -> None:
    for piece in (value.text, value.family):
        if piece is not UNSET:
            into.append((number, piece))
    for pieces in (value.given, value.prefix, value.suffix):
        if pieces is not UNSET:
            into.extend((number, piece) for piece in pieces if piece is not None)


def address(value: Any, number: int, into: Into) -> None:
    if value.line is not UNSET:
        into.extend((number, piece) for piece in value.line if piece is not None)
    district, country = value.district, value.country
    for piece in (value.text, value.city, district, value.state, value.postalCode, country):
        if piece is not UNSET:
            into.append((number, piece))


# References and addresses of definitions

_local_shape = re.compile(
    r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII
).fullmatch
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII).match


@lru_cache(maxsize=8192)  # one patient is named by hundreds of resources
def target(text: str) -> tuple[str, str]:
    """What a reference names: type and id here, "" and an absolute address, or "" and "" for
    what cannot be searched (`#contained`, a search such as `Patient?identifier=1`)."""
    found = _local_shape(text)
    if found and model.is_resource(found[1]):
        return found[1], found[2]
    return "", text if _scheme(text) else ""


def reference(
    value: Any,
    number: int,
    only: str | None,
    logical: Variant,
    references: Into,
    uris: Into,
    tokens: Into,
) -> None:
    """`only`: the type that `resolve() is Type` keeps, as far as the text tells it."""
    if value.reference is not UNSET:
        name, found = target(value.reference)
        if name:
            if only is None or only == name:
                references.append((number, name, found))
        elif found and (only is None or f"/{only}/" in found):
            uris.append((number, found))
    if logical is not None and value.identifier is not UNSET:
        held = value.identifier.value
        if held is not UNSET:
            tokens.append((logical, value.identifier.system or "", held))


def canonical(value: str, number: int, into: Into) -> None:
    into.append((number, value))
    address, bar, _ = value.partition("|")
    if bar:
        into.append((number, address))


def canonical_reference(value: str, number: int, references: Into, uris: Into) -> None:
    """A canonical may also be written as a reference to a resource here."""
    name, found = target(value.partition("|")[0])
    if name:
        references.append((number, name, found))
    else:
        canonical(value, number, uris)


# Dates

# What happens in one encounter bears one time.
_range = lru_cache(maxsize=16_384)(range_ms)


def date(value: str, number: int, into: Into) -> None:
    low, high = _range(value)
    into.append((number, low, high))


def period(value: Any, number: int, into: Into) -> None:
    start, end = value.start, value.end
    if start is not UNSET or end is not UNSET:
        low = MIN_MS if start is UNSET else _range(start)[0]
        high = MAX_MS if end is UNSET else _range(end)[1]
        # One that ends before it begins breaks a rule of FHIR (per-1), and yet is found at
        # either of its moments.
        into.append((number, min(low, high), max(low, high)))


def timing(value: Any, number: int, into: Into) -> None:
    ranges: Into = []
    if value.event is not UNSET:
        ranges += [(number, *_range(each)) for each in value.event if each is not None]
    if value.repeat is not UNSET and value.repeat.boundsPeriod is not UNSET:
        period(value.repeat.boundsPeriod, number, ranges)
    if ranges:
        into.append((number, min(r[1] for r in ranges), max(r[2] for r in ranges)))


# Numbers and quantities


def quantity(value: Any, number: int, into: Into) -> None:
    if value.value is not UNSET:
        unit = value.unit or ""
        into.append((number, value.value, value.system or "", value.code or "", unit))


def money(value: Any, number: int, into: Into) -> None:
    if value.value is not UNSET:
        currency = value.currency or ""
        into.append((number, value.value, CURRENCY if currency else "", currency, currency))


def range_quantities(value: Any, number: int, into: Into) -> None:
    for bound in (value.low, value.high):
        if bound is not UNSET:
            quantity(bound, number, into)


def range_numbers(value: Any, number: int, into: Into) -> None:
    for bound in (value.low, value.high):
        if bound is not UNSET and bound.value is not UNSET:
            into.append((number, bound.value))


# The source line for each kind of parameter and type of element; a type that is not here takes
# the line of the type it specializes. {v} is the element, {n} the number of the parameter.
LINES: Final[dict[str, dict[str, str]]] = {
    "token": {
        "Coding": "coding({v}, {n}, {text}, {tokens}, {strings})",
        "CodeableConcept": "codeable_concept({v}, {n}, {text}, {tokens}, {strings})",
        "Identifier": "identifier({v}, {n}, {of_type}, {text}, {tokens}, {strings})",
        "ContactPoint": "contact_point({v}, {n}, {tokens})",
        "boolean": "boolean({v}, {n}, {tokens})",
        "string": "{tokens}.append(({n}, '', {v}))",
        "uri": "{tokens}.append(({n}, '', {v}))",
    },
    "string": {
        "string": "{strings}.append(({n}, {v}))",
        "HumanName": "human_name({v}, {n}, {strings})",
        "Address": "address({v}, {n}, {strings})",
    },
    "reference": {
        "Reference": "reference({v}, {n}, {only}, {logical}, {references}, {uris}, {tokens})",
        "canonical": "canonical_reference({v}, {n}, {references}, {uris})",
        "uri": "canonical_reference({v}, {n}, {references}, {uris})",
    },
    "uri": {
        "uri": "{uris}.append(({n}, {v}))",
        "canonical": "canonical({v}, {n}, {uris})",
    },
    "date": {
        "date": "date({v}, {n}, {dates})",
        "dateTime": "date({v}, {n}, {dates})",
        "instant": "date({v}, {n}, {dates})",
        "Period": "period({v}, {n}, {dates})",
        "Timing": "timing({v}, {n}, {dates})",
    },
    "number": {
        "integer": "{numbers}.append(({n}, Decimal({v})))",
        "decimal": "{numbers}.append(({n}, {v}))",
        "Range": "range_numbers({v}, {n}, {numbers})",
    },
    "quantity": {
        "Quantity": "quantity({v}, {n}, {quantities})",
        "Money": "money({v}, {n}, {quantities})",
        "Range": "range_quantities({v}, {n}, {quantities})",
    },
}


def line(kind: str, fhir_type: str) -> str | None:
    """The source line for an element, or None: it has nothing that such a parameter compares."""
    at: str | None = fhir_type
    while at is not None and at not in LINES[kind]:
        at = model.parent(at)
    return None if at is None else LINES[kind][at]


NAMES: Final[dict[str, Any]] = {
    each.__name__: each
    for each in (
        *(coding, codeable_concept, identifier, contact_point, boolean, human_name, address),
        *(reference, canonical, canonical_reference, date, period, timing),
        *(quantity, money, range_quantities, range_numbers),
    )
} | {"Decimal": Decimal, "UNSET": UNSET}
