"""Search parameters of each resource type (FHIR R4, SearchParameter).

The registry holds the parameters of the specification and those that the record defines
itself; it is immutable, and `with_custom` makes a larger one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal, cast

from xinglin.fhir.outcome import Refused
from xinglin.fhir.r4 import model
from xinglin.fhir.r4.model import SearchParameter
from xinglin.fhir.search import definitions
from xinglin.fhir.search.definitions import branches, by_type, only_type

Kind = Literal[
    "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"
]

# The date that orders the resources of a type, where its `date` is not that or does not exist:
# when it happened to the patient, or else when it was written down. A type that is not here
# takes `date` if that has at most one value; people, places and definitions have none.
CLINICAL: Final[Mapping[str, str]] = {
    "Basic": "created",
    "Bundle": "timestamp",
    "ChargeItem": "occurrence",
    "Claim": "created",
    "ClaimResponse": "created",
    "Communication": "sent",
    "CommunicationRequest": "authored",
    "Condition": "recorded-date",  # onset is often an age or unknown
    "CoverageEligibilityRequest": "created",
    "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified",
    "DeviceRequest": "authored-on",
    "DocumentManifest": "created",
    "ExplanationOfBenefit": "created",
    "Goal": "start-date",
    "ImagingStudy": "started",
    "Media": "created",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "NutritionOrder": "datetime",
    "PaymentNotice": "created",
    "PaymentReconciliation": "created",
    "Provenance": "recorded",
    "QuestionnaireResponse": "authored",
    "RequestGroup": "authored",
    "RiskAssessment": "date",
    "ServiceRequest": "authored",
    "Slot": "start",
    "Specimen": "collected",
    "Task": "authored-on",
    "VisionPrescription": "datewritten",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter:
    """One search parameter of one resource type.

    `name` is unique and stays for ever on disk: "Observation.code"; variants append
    ":identifier", ":of-type", ":text", components "$" and their own code. `number` is its
    place in the registry.
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
    # Other parameters of the type that together extract what this one does: nothing is kept
    # under it, and the grammar asks for any of them (`combo-code`: `code`, `component-code`).
    union: tuple[Parameter, ...] = ()
    # The type that `where(resolve() is Patient)` leaves of those it is stored with.
    only: str | None = None
    # Variants that modifiers search: derived parameters with entries of their own. A token
    # has both of its, whether or not its elements can fill them.
    identifier: Parameter | None = None  # of a reference: token of Reference.identifier
    of_type: Parameter | None = None  # of an Identifier: system|code of its type, "code|value"
    text: Parameter | None = None  # of a token: string of display, text
    clinical: bool = False  # the date that orders the resources of this type
    custom: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def kept(self) -> Parameter:
        """The parameter under whose number the values lie."""
        return self.stored_as or self


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """`by_type["Observation"]["code"]`; `numbered[n].number == n`."""

    by_type: Mapping[str, Mapping[str, Parameter]]
    numbered: tuple[Parameter, ...] = field(repr=False)

    def find(self, resource: str, code: str) -> Parameter | None:
        return self.by_type.get(resource, {}).get(code)

    def of(self, parameter: Parameter, resource: str) -> Parameter | None:
        """What a parameter stands for in a resource of another type, when a search spans
        several: the type's own parameter (or variant) of the same code, if it has one."""
        if parameter.resource == resource:
            return parameter
        code, _, variant = parameter.code.partition(":")
        found = self.find(resource, code)
        if found is None or not variant:
            return found
        variants = {"identifier": found.identifier, "of-type": found.of_type, "text": found.text}
        return variants[variant]

    def with_custom(self, resources: Iterable[bytes]) -> Registry:
        """This registry and the parameters of SearchParameter resources (JSON).

        Raises:
            Refused: a definition is wrong, or a type already has a parameter of that code.
        """
        fit, refused = definitions.fitting(resources, self._has)
        if refused:
            raise refused[min(refused)]
        return _grown(self, fit, custom=True)

    def misfits(self, resources: Iterable[bytes]) -> Mapping[int, Refused]:
        """Why which of some SearchParameter resources cannot be used: by their places. All
        others can be, together."""
        return definitions.fitting(resources, self._has)[1]

    def _has(self, resource: str, code: str) -> bool:
        return self.find(resource, code) is not None


@cache
def standard() -> Registry:
    """The parameters of FHIR R4."""
    return _grown(Registry({}, ()), definitions.packaged(), custom=False)


def clinical(registry: Registry, resource: str) -> Parameter | None:
    """The date that orders the resources of a type."""
    return next((p for p in registry.by_type.get(resource, {}).values() if p.clinical), None)


def _grown(before: Registry, added: Iterable[SearchParameter], *, custom: bool) -> Registry:
    growth = _Growth(before, list(added), custom)
    for definition, resource, expression in growth.ordered():
        growth.add(definition, resource, expression)
    growth.unite()
    return Registry(growth.by_type, tuple(growth.numbered))


class _Growth:
    """A registry in the making."""

    def __init__(self, before: Registry, added: list[SearchParameter], custom: bool) -> None:
        self.numbered = list(before.numbered)
        self.by_type = {resource: dict(known) for resource, known in before.by_type.items()}
        self.custom = custom
        self.added = added
        self.by_url = {d.url: d for d in [*definitions.packaged(), *added]}
        # By type, kind and expression: who keeps the values.
        self.keepers = {
            (p.resource, p.kind, p.expression): p
            for known in before.by_type.values()
            for p in known.values()
            if p.stored_as is None
        }

    def ordered(self) -> list[tuple[SearchParameter, str, str]]:
        """What to add; that which may be stored as another comes after all others."""
        found = [(d, r, e) for d in self.added for r, e in by_type(d).items()]
        return sorted(found, key=lambda each: only_type(each[2]) is not None)

    def add(self, definition: SearchParameter, resource: str, expression: str) -> None:
        known = self.by_type.setdefault(resource, {})
        code = definition.code
        kind = cast(Kind, definition.type)
        name = f"{resource}.{code}"
        keeper, only = self.keeper(resource, kind, expression)
        number, identifier, of_type, text = self.variants(name, resource, definition, keeper)
        parameter = Parameter(
            *(number, name, resource, code, kind, definition.url, expression),
            targets=(only,) if only else definition.target,
            components=self.components(definition, name, resource),
            stored_as=keeper,
            only=only,
            identifier=identifier,
            of_type=of_type,
            text=text,
            clinical=kind == "date" and _orders(resource, code, expression),
            custom=self.custom,
        )
        self.numbered[number] = known[code] = parameter
        if keeper is None:
            self.keepers[resource, kind, expression] = parameter

    def unite(self) -> None:
        """Find the parameters that are unions of others."""
        keeping = {p.stored_as for p in self.numbered if p.stored_as}
        for known in self.by_type.values():
            own = [p for p in known.values() if p.stored_as is None]
            for parameter in own:
                if "|" in parameter.expression and not (parameter in keeping or parameter.union):
                    known[parameter.code] = self.united(parameter, own)

    def united(self, parameter: Parameter, own: Iterable[Parameter]) -> Parameter:
        """The parameter, with its parts if there are such among the type's own."""
        whole = _extracted(parameter)
        alike = [
            p for p in own if p.kind == parameter.kind and p.expression in parameter.expression
        ]
        parts = {p: each for p in alike if (each := _extracted(p)) < whole}
        if frozenset().union(*parts.values()) != whole:
            return parameter
        united = replace(parameter, union=tuple(parts))
        self.numbered[parameter.number] = united
        return united

    def keeper(
        self, resource: str, kind: Kind, expression: str
    ) -> tuple[Parameter | None, str | None]:
        if kind == "composite":
            return None, None
        if found := self.keepers.get((resource, kind, expression)):
            return found, found.only
        only = only_type(expression)
        if only is None:
            return None, None
        return self.keepers.get((resource, kind, only[0])), only[1]

    def variants(
        self, name: str, resource: str, definition: SearchParameter, keeper: Parameter | None
    ) -> tuple[int, Parameter | None, Parameter | None, Parameter | None]:
        """The parameter's own number, then its variants, which follow it."""
        number = self.reserve()
        if keeper:
            return number, keeper.identifier, keeper.of_type, keeper.text
        made: dict[str, Parameter] = {}
        kinds: tuple[tuple[str, Kind], ...] = ()
        if definition.type == "reference":
            kinds = (("identifier", "token"),)
        elif definition.type == "token":
            kinds = (("of-type", "token"), ("text", "string"))
        for suffix, kind in kinds:
            at = self.reserve()
            made[suffix] = self.numbered[at] = Parameter(
                *(at, f"{name}:{suffix}", resource, f"{definition.code}:{suffix}", kind),
                definition.url,
                "",
                custom=self.custom,
            )
        return number, made.get("identifier"), made.get("of-type"), made.get("text")

    def reserve(self) -> int:
        self.numbered.append(_RESERVED)
        return len(self.numbered) - 1

    def components(
        self, definition: SearchParameter, name: str, resource: str
    ) -> tuple[Parameter, ...]:
        found = []
        for url, expression in definition.component:
            part = self.by_url[url]
            number = self.reserve()
            parameter = Parameter(
                *(number, f"{name}${part.code}", resource, part.code, cast(Kind, part.type)),
                *(url, expression, part.target),
                custom=self.custom,
            )
            self.numbered[number] = parameter
            found.append(parameter)
        return tuple(found)


def _extracted(parameter: Parameter) -> frozenset[tuple[str, ...]]:
    """What a parameter extracts: the branches of its expression, each with its components."""
    parts = tuple(component.expression for component in parameter.components)
    return frozenset((branch, *parts) for branch in branches(parameter.expression))


_RESERVED: Final = Parameter(-1, "", "", "", "special", "", "")


def _orders(resource: str, code: str, expression: str) -> bool:
    if resource in CLINICAL:
        return code == CLINICAL[resource]
    return code == "date" and _single(expression)


def _single(expression: str) -> bool:
    """Whether a plain path has at most one value."""
    place, *names = expression.split(".")
    for name in names:
        element = model.element(place, name)
        if element is None or element.many:
            return False
        place = element.types[0]
    return True
