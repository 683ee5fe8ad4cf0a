"""The expression of a search parameter as plain paths through the elements of a type
(FHIRPath N1; FHIR R4, Search, 3.1.1.2 allows search parameters this much of it and more).

What all but a handful of custom parameters use: members, choice types, unions, `as`/`ofType`,
`where`, `extension`, an index, and conditions. Every path ends in one FHIR type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Final

from xinglin.fhir.fhirpath.tree import (
    Binary,
    Call,
    External,
    Index,
    Literal,
    Member,
    Node,
    TypeTest,
)
from xinglin.fhir.r4 import model


class Beyond(Exception):  # noqa: N818  (the caller takes the general engine instead)
    """The expression uses more of FHIRPath than plain paths."""


@dataclass(frozen=True, slots=True)
class Root:
    """Back to the resource: `%resource`."""


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute of the Struct; `many`: a list, of which primitives may be None."""

    name: str
    many: bool
    primitive: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the list that an attribute holds."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Filter:
    """`where`: goes on where the condition is true."""

    test: Condition


@dataclass(frozen=True, slots=True)
class Answer:
    """The truth of a condition, as a value; nothing where it is unknown."""

    test: Condition


@dataclass(frozen=True, slots=True)
class Equal:
    """Whether the first of some attributes that is present equals a value."""

    names: tuple[str, ...]
    value: str | bool | int
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    names: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    operator: str  # "and" "or"
    left: Condition
    right: Condition


Condition = Equal | Exists | Joined
Step = Root | Field | Item | Filter | Answer


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the resource (or the element of a composite) to a value of type `type`."""

    steps: tuple[Step, ...]
    type: str
    only: str | None = None  # the type of `where(resolve() is Type)`

    def then(self, step: Step, fhir_type: str) -> Path:
        return Path((*self.steps, step), fhir_type, self.only)


def attribute(name: str) -> str:
    """The Struct's attribute for a JSON property."""
    return f"{name}_" if iskeyword(name) else name


def paths(tree: Node, resource: str, start: Path) -> tuple[Path, ...]:
    """The paths of an expression.

    Args:
        resource: the type that `%resource` is of.
        start: where the expression begins; `Path((), resource)` for a resource.

    Raises:
        Beyond: the expression is no union of plain paths.
    """
    return _Walk(resource, start).paths(tree)


class _Walk:
    def __init__(self, resource: str, start: Path) -> None:
        self.resource = resource
        self.start = start

    def paths(self, tree: Node) -> tuple[Path, ...]:
        match tree:
            case Member(None, name) if _is_a(self.start.type, name):
                return (self.start,)
            case Member(source, name):
                return self.members(self.sources(source), name)
            case External("resource"):
                return (Path((Root(),), self.resource),)
            case Binary("|", left, right):
                return self.paths(left) + self.paths(right)
            case Binary("and" | "or" | "=" | "!=") | Call(_, "exists" | "not", ()):
                test = _condition(tree, self.start.type, self.resource)
                return (self.start.then(Answer(test), "boolean"),)
            case TypeTest("as", operand, wanted):
                return _of_type(self.paths(operand), wanted)
            case Call(source, name, arguments):
                return self.call(self.sources(source), name, arguments)
            case Index(source, Literal(int(index))):
                return tuple(_item(path, index) for path in self.paths(source))
        raise Beyond

    def sources(self, source: Node | None) -> tuple[Path, ...]:
        return (self.start,) if source is None else self.paths(source)

    def members(self, sources: tuple[Path, ...], name: str) -> tuple[Path, ...]:
        found = tuple(path for source in sources for path in _member(source, name))
        if not found:
            raise Beyond
        return found

    def call(
        self, sources: tuple[Path, ...], name: str, arguments: tuple[Node, ...]
    ) -> tuple[Path, ...]:
        match name, arguments:
            case (("as" | "ofType"), (Member(_, wanted),)):
                return _of_type(sources, wanted)
            case "where", (TypeTest("is", Call(None, "resolve", ()), wanted),):
                return tuple(replace(path, only=wanted) for path in sources)
            case "where", (tree,):
                return tuple(
                    path.then(Filter(_condition(tree, path.type, self.resource)), path.type)
                    for path in sources
                )
            case "extension", (Literal(str(url)),):
                return tuple(
                    path.then(Filter(Equal(("url",), url, negated=False)), "Extension")
                    for path in self.members(sources, "extension")
                )
        raise Beyond


_SCALARS: Final = (str, bool, int)


def _is_a(fhir_type: str, name: str) -> bool:
    at: str | None = fhir_type
    while at is not None and at.lower() != name.lower():
        at = model.parent(at)
    return at is not None


def _member(source: Path, name: str) -> list[Path]:
    if model.is_primitive(source.type):
        raise Beyond  # what lies in `_birthDate`
    element = model.element(source.type, name)
    if element is None:
        return _typed_member(source, name)
    if not element.choice:
        fhir_type = element.types[0]
        step = Field(attribute(name), element.many, model.is_primitive(fhir_type))
        return [source.then(step, fhir_type)]
    return [
        source.then(Field(name + each[0].upper() + each[1:], element.many), each)
        for each in element.types
    ]


def _typed_member(source: Path, name: str) -> list[Path]:
    """`valueDateTime`, as JSON names `value.ofType(dateTime)`: FHIRPath does not, but published
    search parameters do (US Core 6.1.0, Condition asserted-date)."""
    found = model.properties(source.type).get(name)
    if found is None:
        return []
    element, fhir_type = found
    return [source.then(Field(name, element.many), fhir_type)]


def _of_type(sources: tuple[Path, ...], wanted: str) -> tuple[Path, ...]:
    # "DateTime" and "String" are written for the FHIR types too, though N1 means System's.
    return tuple(p for p in sources if _is_a(p.type, wanted.removeprefix("FHIR.")))


def _item(path: Path, index: int) -> Path:
    *before, last = path.steps or (Root(),)
    single = all(isinstance(step, Field) and not step.many for step in before)
    if not single or not isinstance(last, Field) or not last.many:
        raise Beyond
    return replace(path, steps=(*before, Item(last.name, index)))


def _condition(tree: Node, of: str, resource: str) -> Condition:
    """A condition on an element of type `of`, as far as it looks at its own attributes."""
    match tree:
        case Binary(("and" | "or") as operator, left, right):
            sides = _condition(left, of, resource), _condition(right, of, resource)
            return Joined(operator, *sides)
        case Binary(("=" | "!=") as sign, operand, Literal(value)) if isinstance(value, _SCALARS):
            fields = _attributes(operand, of, resource)
            if not any(field.many for field in fields):
                return Equal(tuple(f.name for f in fields), value, negated=sign == "!=")
        case Call(source, "exists", ()) if source is not None:
            return Exists(tuple(f.name for f in _attributes(source, of, resource)))
        case Call(source, "not", ()) if source is not None:
            inner = _condition(source, of, resource)
            if isinstance(inner, Equal | Exists):
                return replace(inner, negated=not inner.negated)
    raise Beyond


def _attributes(tree: Node, of: str, resource: str) -> list[Field]:
    """What a path of one step means: one attribute, or all those of a choice."""
    found = _Walk(resource, Path((), of)).paths(tree)
    steps = [path.steps[0] for path in found if len(path.steps) == 1]
    fields = [step for step in steps if isinstance(step, Field)]
    if len(fields) != len(found):
        raise Beyond
    return fields
