"""Definitions of search parameters, as the specification and custom resources give them
(FHIR R4, SearchParameter; its expressions: Search, 3.1.1.2).

One definition often serves many types ("AllergyIntolerance.code | Condition.code | …"), so
it is cut into the branches of each. This works on the text: parsing 1,400 expressions at
every start would cost more than everything else of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NoReturn

import msgspec

from xinglin.fhir.fhirpath import compile as compiled
from xinglin.fhir.fhirpath import parse
from xinglin.fhir.outcome import Code, Issue, Refused
from xinglin.fhir.r4 import model
from xinglin.fhir.r4.model import SearchParameter
from xinglin.fhir.search.paths import Beyond, Path, paths

KINDS: Final = frozenset(
    ("number", "date", "string", "token", "reference", "composite", "quantity", "uri")
)
# The specification names the definitions of these two components the wrong way round.
_SWAPPED: Final = "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"
_ABSTRACT: Final = ("Resource", "DomainResource")
_NOT_DOMAIN: Final = ("Bundle", "Binary", "Parameters")
_code_shape = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII).fullmatch
_head = re.compile(r"[(\s]*(\w+)").match
_of_one_type = re.compile(r"(.+)\.where\(resolve\(\) is (\w+)\)").fullmatch


@cache
def packaged() -> tuple[SearchParameter, ...]:
    """Those of R4 that this server searches. Left out are `near` (Location), which needs a map,
    and the coordinates of MolecularSequence, the only composites of three parts."""
    return tuple(
        _corrected(d)
        for d in model.search_parameters()
        if d.type in KINDS and len(d.component) <= 2
    )


def _corrected(definition: SearchParameter) -> SearchParameter:
    if definition.url != _SWAPPED:
        return definition
    (code_url, code), (target_url, target) = definition.component
    component = ((target_url, code), (code_url, target))
    return msgspec.structs.replace(definition, component=component)


def types_of(definition: SearchParameter) -> tuple[str, ...]:
    """The concrete resource types that a definition applies to."""
    if "Resource" in definition.base:
        return model.RESOURCE_TYPES
    if "DomainResource" in definition.base:
        return tuple(t for t in model.RESOURCE_TYPES if t not in _NOT_DOMAIN)
    return definition.base


def branches(expression: str) -> list[str]:
    """The operands of the unions at the top of an expression, without parentheses around them.

    >>> branches("Condition.code | (Observation.value as Quantity)")
    ['Condition.code', 'Observation.value as Quantity']
    """
    found, start, depth, quoted = [], 0, 0, False
    for at, sign in enumerate(expression):
        if sign == "'":
            quoted = not quoted and (at == 0 or expression[at - 1] != "\\")
        elif quoted:
            continue
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif sign == "|" and depth == 0:
            found.append(_bare(expression[start:at]))
            start = at + 1
    found.append(_bare(expression[start:]))
    return found


def _bare(branch: str) -> str:
    branch = branch.strip()
    # Only parentheses around all of it: "(a as B).text" keeps its own.
    while branch.startswith("(") and branch.endswith(")") and ")" not in branch[:-1]:
        branch = branch[1:-1].strip()
    return branch


def by_type(definition: SearchParameter) -> dict[str, str]:
    """The part of the expression that concerns each type of the definition."""
    types = types_of(definition)
    if "|" not in definition.expression:
        return dict.fromkeys(types, _bare(definition.expression))
    own: dict[str, list[str]] = {}
    shared = []
    for branch in branches(definition.expression):
        head = _head(branch)
        if head and head[1][0].isupper() and head[1] not in _ABSTRACT:
            own.setdefault(head[1], []).append(branch)
        else:
            shared.append(branch)
    return {name: " | ".join(own.get(name, []) + shared) for name in types}


def only_type(expression: str) -> tuple[str, str] | None:
    """Path and type of `path.where(resolve() is Type)`; None for any other expression."""
    found = _of_one_type(expression)
    return (found[1], found[2]) if found and "|" not in expression else None


class _Component(msgspec.Struct):
    definition: str
    expression: str


class _Resource(msgspec.Struct):
    """The elements of a SearchParameter resource that matter here."""

    url: str = ""
    code: str = ""
    type: str = ""
    expression: str = ""
    base: list[str] = []
    target: list[str] = []
    component: list[_Component] = []


def custom(content: bytes) -> SearchParameter:
    """A SearchParameter resource, checked.

    Raises:
        Refused: something is missing or unknown, or an expression is not FHIRPath.
    """
    try:
        found = msgspec.json.decode(content, type=_Resource)
    except msgspec.DecodeError as wrong:
        _refuse("structure", "fhir.search-definition-unreadable", "", reason=str(wrong))
    for name in ("url", "code", "type", "base", "expression"):
        if not getattr(found, name):
            _refuse("required", "fhir.search-definition-incomplete", name, element=name)
    if not _code_shape(found.code):
        _refuse("value", "fhir.search-definition-code", "code", code=found.code)
    if found.type not in KINDS:
        _refuse("not-supported", "fhir.search-definition-type", "type", type=found.type)
    for name in found.base:
        if name not in _ABSTRACT and name not in model.RESOURCE_TYPES:
            _refuse("value", "fhir.search-unknown-type", "base", type=name)
    _check_expression(found.expression, "expression")
    for part in found.component:
        _check_expression(part.expression, "component.expression")
    if (found.type == "composite") != bool(found.component):
        _refuse("invalid", "fhir.search-definition-components", "component", code=found.code)
    definition = SearchParameter(
        url=found.url,
        code=found.code,
        type=found.type,
        base=tuple(found.base),
        expression=found.expression,
        target=tuple(found.target),
        component=tuple((part.definition, part.expression) for part in found.component),
    )
    _check_meaning(definition)
    return definition


def fitting(
    contents: Iterable[bytes], taken: Callable[[str, str], bool]
) -> tuple[Sequence[SearchParameter], Mapping[int, Refused]]:
    """Which SearchParameter resources can be used together, and by their places why the others
    cannot. Of two that claim the same code of a type the first is taken.

    Args:
        taken: whether a type has a parameter of that code already.
    """
    refused: dict[int, Refused] = {}
    found: dict[int, SearchParameter] = {}
    for place, content in enumerate(contents):
        try:
            found[place] = custom(content)
        except Refused as why:
            refused[place] = why
    known = {definition.url: definition for definition in packaged()}
    claimed: set[tuple[str, str]] = set()
    fit: dict[int, SearchParameter] = {}
    # Composites come last: they need others.
    for place, definition in sorted(found.items(), key=lambda each: each[1].type == "composite"):
        claims = {(resource, definition.code) for resource in types_of(definition)}
        try:
            for claim in sorted(claims):
                if claim in claimed or taken(*claim):
                    _refuse("duplicate", "fhir.search-definition-twice", "code", **_named(claim))
            _check_components(definition, known)
        except Refused as why:
            refused[place] = why
        else:
            claimed |= claims
            known[definition.url] = fit[place] = definition
    return [fit[place] for place in sorted(fit)], refused


def _named(claim: tuple[str, str]) -> dict[str, str]:
    return {"type": claim[0], "code": claim[1]}


def _check_components(definition: SearchParameter, known: Mapping[str, SearchParameter]) -> None:
    for url, _ in definition.component:
        if url not in known or known[url].type == "composite":
            place = "component.definition"
            _refuse("value", "fhir.search-definition-unknown", place, url=url)


def _check_meaning(definition: SearchParameter) -> None:
    """Refuse an expression that finds nothing in one of its types, whatever the resource."""
    for resource, expression in by_type(definition).items():
        try:
            paths(parse(expression), resource, Path((), resource))
        except Beyond:
            if definition.type == "composite":
                _refuse("not-supported", "fhir.search-definition-base", "expression", type=resource)
            try:
                compiled(expression).check(resource)
            except Refused:
                given = {"expression": expression, "type": resource}
                _refuse("invalid", "fhir.search-definition-meaning", "expression", **given)


def _check_expression(expression: str, element: str) -> None:
    try:
        parse(expression)
    except Refused as refusal:
        place = refusal.issues[0].at or ""
        _refuse(
            "invalid",
            "fhir.search-definition-expression",
            element,
            expression=expression,
            place=place,
        )


def _refuse(issue: Code, key: str, place: str, /, **given: str) -> NoReturn:
    at = f"SearchParameter.{place}" if place else "SearchParameter"
    raise Refused(Issue(issue, key, at=at, given=dict(given)))
