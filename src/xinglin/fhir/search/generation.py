"""From the paths of all parameters of a type to one straight Python function.

Walking each path by itself would touch the same elements again and again, so the paths are
joined into a tree by their common beginnings and written as nested loops, once per type:

    if r.category is not UNSET:
        for v1 in r.category:
            codeable_concept(v1, 7, tokens)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from xinglin.fhir.fhirpath.parser import parse
from xinglin.fhir.search import leaves
from xinglin.fhir.search.entries import Entries
from xinglin.fhir.search.parameters import Parameter
from xinglin.fhir.search.paths import (
    Answer,
    Beyond,
    Condition,
    Equal,
    Exists,
    Field,
    Filter,
    Item,
    Joined,
    Path,
    Root,
    Step,
    paths,
)

LISTS: Final = ("tokens", "strings", "uris", "references", "dates", "numbers", "quantities")
_OWN: Final = {name: name for name in LISTS}  # the lists of the Entries themselves
NOT_EXTRACTED: Final = frozenset({"_id", "_lastUpdated"})  # the store knows these


@dataclass(slots=True)
class _Place:
    """One element in the tree of paths."""

    lines: list[str] = field(default_factory=list)
    composites: list[tuple[Parameter, list[tuple[Parameter, _Place]]]] = field(default_factory=list)
    children: dict[Step, _Place] = field(default_factory=dict)

    def at(self, steps: tuple[Step, ...]) -> _Place:
        place = self
        for step in steps:
            place = place.children.setdefault(step, _Place())
        return place


@dataclass(frozen=True, slots=True)
class Plan:
    """The function of one type, and the parameters that it could not take in."""

    source: str
    run: Callable[[Any], Entries]
    beyond: tuple[Parameter, ...]
    empty: tuple[Parameter, ...]  # nothing that their expression finds can be compared


def plan(resource: str, parameters: Iterable[Parameter]) -> Plan:
    """Write and compile the function that extracts these parameters of a resource type."""
    root = _Place()
    beyond, empty = [], []
    clinical = None
    for parameter in parameters:
        clinical = parameter.kept.number if parameter.clinical else clinical
        if parameter.stored_as or parameter.union or parameter.code in NOT_EXTRACTED:
            continue
        try:
            if not _add(root, resource, parameter, Path((), resource)):
                empty.append(parameter)
        except Beyond:
            beyond.append(parameter)
    source = _written(root, clinical)
    return Plan(source, _run(source, "extract", resource), tuple(beyond), tuple(empty))


def converter(parameter: Parameter, fhir_type: str) -> Callable[..., None] | None:
    """A function of one value of a type and the lists of an Entries by name, which adds what
    the value is to this parameter; None if it is nothing."""
    line = _line(parameter, Path((), fhir_type))
    if line is None:
        return None
    text = line.format(v="v", **_OWN)
    return _run(f"def add(v, {', '.join(LISTS)}):\n    {text}\n", "add", parameter.name)


def _run(source: str, function: str, title: str) -> Callable[..., Any]:
    names: dict[str, Any] = leaves.NAMES | {"Entries": Entries}
    names |= {"conjunction": _conjunction, "disjunction": _disjunction}
    # Our own text, made of attribute names, numbers and repr() of literals only.
    exec(compile(source, f"<search {title}>", "exec"), names)  # noqa: S102
    found: Callable[..., Any] = names[function]
    return found


# Joining the paths


def _add(root: _Place, resource: str, parameter: Parameter, start: Path) -> bool:
    """Put one parameter's lines into the tree; False when there are none."""
    found = paths(parse(parameter.expression), resource, start)
    if parameter.kind == "composite":
        added = [_add_composite(root.at(p.steps), resource, parameter, p) for p in found]
        return any(added)
    ends = [end for path in found for end in _ends(path)]
    lines = [(end.steps, text) for end in ends if (text := _line(parameter, end))]
    for steps, text in lines:
        place = root.at(steps)
        if text not in place.lines:
            place.lines.append(text)
    return bool(lines)


def _add_composite(place: _Place, resource: str, parameter: Parameter, base: Path) -> bool:
    start = Path((), base.type)
    parts = []
    for component in parameter.components:
        part = _Place()
        if not _add(part, resource, component, start):
            return False
        parts.append((component, part))
    place.composites.append((parameter, parts))
    return True


def _ends(path: Path) -> tuple[Path, ...]:
    """The path itself; an extension stands for its value."""
    if path.type != "Extension":
        return (path,)
    return paths(parse("value"), "Extension", path)


def _line(parameter: Parameter, path: Path) -> str | None:
    """The line for one path, in which only the names of variables are still open."""
    text = leaves.line(parameter.kind, path.type)
    variants = {
        "text": parameter.text,
        "of_type": parameter.of_type,
        "logical": parameter.identifier,
    }
    for name, variant in variants.items():
        text = text and text.replace(f"{{{name}}}", str(variant.number if variant else None))
    return text and text.replace("{n}", str(parameter.number)).replace("{only}", repr(path.only))


# Writing the function


def _written(root: _Place, clinical: int | None) -> str:
    text = _Text()
    text.line(0, "def extract(r):")
    text.line(1, "clinical = None")
    text.line(1, "composites = []")
    for name in LISTS:
        text.line(1, f"{name} = []")
    text.place(root, "r", 1, _OWN)
    if clinical is not None:
        text.line(1, "for number, low, _ in dates:")
        text.line(2, f"if number == {clinical}:")
        text.line(3, "clinical = low")
    for name in (*LISTS, "composites"):
        text.line(1, f"if len({name}) > 1:")
        text.line(2, f"{name} = list(dict.fromkeys({name}))")
    text.line(1, f"return Entries(clinical, {', '.join(LISTS)}, composites)")
    return "\n".join(text.lines) + "\n"


class _Text:
    """The lines of the function so far, and the number of the next variable."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.variables = 0

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def variable(self, prefix: str) -> str:
        self.variables += 1
        return f"{prefix}{self.variables}"

    def place(self, place: _Place, variable: str, depth: int, lists: dict[str, str]) -> None:
        for text in place.lines:
            self.line(depth, text.format(v=variable, **lists))
        for parameter, parts in place.composites:
            self.composite(parameter, parts, variable, depth)
        for step, child in place.children.items():
            self.step(step, child, variable, depth, lists)

    def step(
        self, step: Step, child: _Place, variable: str, depth: int, lists: dict[str, str]
    ) -> None:
        match step:
            case Root():
                self.place(child, "r", depth, lists)
            case Field(name, many=True, primitive=primitive):
                each = self.variable("v")
                self.line(depth, f"if {variable}.{name} is not UNSET:")
                self.line(depth + 1, f"for {each} in {variable}.{name}:")
                if primitive:
                    depth += 1
                    self.line(depth + 1, f"if {each} is not None:")
                self.place(child, each, depth + 2, lists)
            case Field(name):
                self.held(f"{variable}.{name}", "UNSET", child, depth, lists)
            case Item(name, index):
                whole = f"{variable}.{name}"
                self.line(depth, f"if {whole} is not UNSET and len({whole}) > {index}:")
                self.held(f"{whole}[{index}]", "None", child, depth + 1, lists)
            case Filter(test):
                self.line(depth, f"if {_python(test, variable)}:")
                self.place(child, variable, depth + 1, lists)
            case Answer(test):
                self.held(_python(test, variable), "None", child, depth, lists)

    def held(
        self, value: str, absent: str, child: _Place, depth: int, lists: dict[str, str]
    ) -> None:
        name = self.variable("v")
        self.line(depth, f"{name} = {value}")
        self.line(depth, f"if {name} is not {absent}:")
        self.place(child, name, depth + 1, lists)

    def composite(
        self,
        parameter: Parameter,
        parts: list[tuple[Parameter, _Place]],
        variable: str,
        depth: int,
    ) -> None:
        """Every combination of the parts; from the last, because that is the rarest."""
        names = [self.variable("c") for _ in parts]
        for name, (_, part) in reversed(list(zip(names, parts, strict=True))):
            self.line(depth, f"{name} = []")
            self.place(part, variable, depth, dict.fromkeys(LISTS, name))
            self.line(depth, f"if {name}:")
            depth += 1
        parts_held = [self.variable("e") for _ in parts]
        for each, name in zip(parts_held, names, strict=True):
            self.line(depth, f"for {each} in {name}:")
            depth += 1
        combination = f"({', '.join(parts_held)},)"
        self.line(depth, f"composites.append(({parameter.number}, {combination}))")


# Conditions, with FHIRPath's third truth, None for unknown (N1, section 6.5)


def _python(test: Condition, variable: str) -> str:
    match test:
        case Exists(names, negated):
            found = " or ".join(f"{variable}.{name} is not UNSET" for name in names)
            return f"(not ({found}))" if negated else f"({found})"
        case Equal(names, value, negated):
            *others, last = (f"{variable}.{name}" for name in names)
            first = last
            for other in reversed(others):
                first = f"({other} if {other} is not UNSET else {first})"
            sign = "!=" if negated else "=="
            return f"(None if {first} is UNSET else {first} {sign} {value!r})"
        case Joined(operator, left, right):
            sides = f"{_python(left, variable)}, {_python(right, variable)}"
            return f"conjunction({sides})" if operator == "and" else f"disjunction({sides})"


def _conjunction(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _disjunction(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False
