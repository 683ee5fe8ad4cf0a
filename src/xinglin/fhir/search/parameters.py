"""Search parameters of each resource type (FHIR R4, SearchParameter).

The registry holds the parameters of the specification and those that the record defines
itself; it is immutable, and `with_custom` makes a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"
]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One search parameter of one resource type.

    `name` is unique and stays for ever on disk: "Observation.code"; variants append
    ":identifier", ":of-type", ":text". `number` is its place in the registry.
    """

    number: int
    name: str
    resource: str
    code: str
    kind: Kind
    url: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[Parameter, ...] = ()
    # Where another parameter of the same type extracts the same and more, its values are
    # kept once, under that parameter: `patient` is `subject` of type Patient.
    stored_as: Parameter | None = None
    # Variants that modifiers search: derived parameters with entries of their own.
    identifier: Parameter | None = None  # of a reference: token of Reference.identifier
    of_type: Parameter | None = None  # of an Identifier: system|code of its type, "code|value"
    text: Parameter | None = None  # of a token: string of display, text
    clinical: bool = False  # the date that orders the resources of this type
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Registry:
    """`by_type["Observation"]["code"]`; `numbered[n].number == n`."""

    by_type: Mapping[str, Mapping[str, Parameter]]
    numbered: tuple[Parameter, ...] = field(repr=False)

    def find(self, resource: str, code: str) -> Parameter | None: ...

    def with_custom(self, definitions: Iterable[bytes]) -> Registry: ...
