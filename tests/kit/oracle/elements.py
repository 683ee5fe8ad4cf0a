"""The values of elements as each kind of search parameter sees them (FHIR R4, Search, 3.1.1.5).

An element is told by its JSON, since the paths of `parameters.py` are written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.kit.oracle.values import EVER, Moments, moments


def at(element: Any, path: str) -> Iterator[Any]:
    """The elements at a path such as `name.given`; lists are walked, nulls left out."""
    if isinstance(element, list):
        for each in element:
            yield from at(each, path)
    elif element is not None and not path:
        yield element
    elif isinstance(element, dict):
        head, _, rest = path.partition(".")
        if head in element:
            yield from at(element[head], rest)


@dataclass(frozen=True)
class Code:
    """`system` None: implied by the element, so that any system asked for will do."""

    system: str | None
    code: str


def codes(element: Any) -> Iterator[Code]:
    if isinstance(element, bool):
        yield Code("", "true" if element else "false")
    elif isinstance(element, str):
        yield Code(None, element)
    elif "value" in element:  # Identifier, ContactPoint
        yield Code(element.get("system", ""), element["value"])
    elif "code" in element:  # Coding
        yield Code(element.get("system", ""), element["code"])
    else:  # CodeableConcept
        for coding in element.get("coding", []):
            yield from codes(coding) if "code" in coding else ()


def words(element: Any) -> Iterator[str]:
    """What `:text` of a token looks at."""
    if isinstance(element, dict):
        yield from at(element, "text")
        yield from at(element, "display")
        yield from at(element, "coding.display")
        yield from at(element, "type.text")


def typed_identifiers(element: Any) -> Iterator[tuple[str, str, str]]:
    """System and code of an identifier's type, and its value."""
    if isinstance(element, dict) and "value" in element:
        for coding in at(element, "type.coding"):
            yield coding.get("system", ""), coding.get("code", ""), element["value"]


def texts(element: Any) -> Iterator[str]:
    if isinstance(element, str):
        yield element
    else:  # HumanName, Address
        for part in ("text", "family", "given", "prefix", "suffix", "line", "city"):
            yield from at(element, part)
        for part in ("district", "state", "postalCode", "country"):
            yield from at(element, part)


def ranges(element: Any) -> Iterator[Moments]:
    if isinstance(element, str):
        yield moments(element)
    elif "start" in element or "end" in element:  # Period
        start = moments(element["start"])[0] if "start" in element else EVER[0]
        yield start, moments(element["end"])[1] if "end" in element else EVER[1]


@dataclass(frozen=True)
class Amount:
    value: Decimal
    system: str
    code: str
    unit: str


def amounts(element: Any) -> Iterator[Amount]:
    if "currency" in element:  # Money
        currency = element["currency"]
        yield Amount(Decimal(element["value"]), "urn:iso:std:iso:4217", currency, currency)
    elif "value" in element:
        texts = (element.get(name, "") for name in ("system", "code", "unit"))
        yield Amount(Decimal(element["value"]), *texts)
    else:  # Range
        for bound in ("low", "high"):
            yield from amounts(element[bound]) if bound in element else ()


def numbers(element: Any) -> Iterator[Decimal]:
    if isinstance(element, dict):
        yield from (amount.value for amount in amounts(element))
    else:
        yield Decimal(element)


def local(element: Any) -> Iterator[str]:
    """`Type/id` of what a Reference names on this server."""
    text = element.get("reference", "") if isinstance(element, dict) else element
    parts = text.split("/")
    if len(parts) in (2, 4) and parts[0][:1].isupper():
        yield "/".join(parts[:2])


def addresses(element: Any) -> Iterator[str]:
    """What a uri parameter compares: a canonical also without its version."""
    yield element
    if "|" in element:
        yield element.partition("|")[0]
