"""Writes `xinglin.fhir.r4.generated`: one msgspec Struct for each type, one module a resource."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from pathlib import Path

from .elements import Element, Type
from .valuesets import MARK, literal_name

IMPORTS = """
from __future__ import annotations

from msgspec import UNSET, Raw, field

from ..primitives import *
from . import codes
"""

# Inherited by every Struct, but mypy and kw_only want the first two repeated.
# What is decoded has no cycles: the garbage collector need not look at it.
OPTIONS = "frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True"


OPEN = 20  # a choice of more types than this has them all, and is not written out


class StructWriter:
    """Knows all types and which value sets have a list; `listed` are their URLs."""

    def __init__(self, types: dict[str, Type], listed: Iterable[str]) -> None:
        self._types = types
        self._listed = frozenset(listed)

    def write(self, folder: Path) -> None:
        """Every module: `datatypes.py` and one for each concrete resource."""
        roots = [t for t in self._types.values() if t.kind not in {"primitive-type", "backbone"}]
        shared = [t for t in roots if t.kind == "complex-type" or t.abstract]
        self._module(folder / "datatypes.py", "The data types of R4.", self._ordered(shared), "")
        star = "from .datatypes import *\n"
        for root in roots:
            if root not in shared:
                title = f"{root.name} (https://hl7.org/fhir/R4/{root.name.lower()}.html)."
                self._module(folder / f"{root.name.lower()}.py", title, [root], star)

    def _ordered(self, roots: list[Type]) -> list[Type]:
        """Parents before children, else by name."""
        return sorted(roots, key=lambda t: (self._depth(t), t.name))

    def _depth(self, of: Type) -> int:
        return 0 if of.parent is None else 1 + self._depth(self._types[of.parent])

    def _module(self, path: Path, title: str, roots: list[Type], star: str) -> None:
        members = [t for r in roots for t in self._family(r)]
        text = f'{MARK}"""{title}"""\n{IMPORTS}{star}'
        text += "".join(self._struct(t) for t in members)
        text = text.replace("UNSET, Raw, field", _used(text, ["UNSET", "Raw", "field"]))
        if "codes." not in text:
            text = text.replace("from . import codes\n", "")
        path.write_text(text, encoding="utf-8")

    def _family(self, root: Type) -> list[Type]:
        inner = [t for n, t in self._types.items() if n.startswith(root.name + ".")]
        return [root, *inner]

    def _struct(self, of: Type) -> str:
        options = "frozen=True, kw_only=True" if of.parent else OPTIONS
        if of.kind == "resource" and not of.abstract:
            options += f', tag_field="resourceType", tag="{of.name}"'
        parent = class_name(of.parent) if of.parent else "Struct"
        lines = [f"\n\nclass {class_name(of.name)}({parent}, {options}):"]
        fields = [line for e in of.elements for line in self._fields(of, e)]
        checks = [line for e in of.elements for line in self._checks(of, e)]
        if checks:
            checks = ["", "    def __post_init__(self) -> None:", *checks]
        return "\n".join(lines + (fields + checks or ["    pass"])) + "\n"

    def _fields(self, of: Type, element: Element) -> Iterable[str]:
        for name, type_name in spellings(element):
            kind = self._annotation(element, type_name)
            primitive = self._is_primitive(type_name)
            twin = primitive and element.extensible
            needed = element.required and not element.choice and not twin
            nullable = " | None" if twin and element.many else ""
            yield _field(name, f"Many[{kind}{nullable}]" if element.many else kind, needed)
            if twin:
                yield _field(f"_{name}", "Many[Element | None]" if element.many else "Element")

    def _checks(self, of: Type, element: Element) -> Iterable[str]:
        yield from _decimal_ranges(element)
        name = element.name
        twin = element.extensible and not element.choice and self._is_primitive(element.types[0])
        if len(element.types) >= OPEN and not element.required:
            yield f'        check_open_choice(self, "{name}")'
        elif element.choice:
            groups = [(n, self._is_primitive(t)) for n, t in spellings(element)]
            present = [_present(n, twin=twin) for n, twin in groups]
            count = "\n            + ".join(f"({p})" for p in present)
            yield f"        present = (\n            {count}\n        )"
            yield "        if present > 1:"
            yield f'            raise ValueError("choice {element.name}")'
            if element.required:
                yield "        if not present:"
                yield f'            raise ValueError("required {element.name}")'
        if twin and element.required:
            yield f"        if not ({_present(name, twin=True)}):"
            yield f'            raise ValueError("required {name}")'
        if twin and element.many:
            own, other = f"self.{_attribute(name)}", f"self._{name}"
            yield f"        if {other} is not UNSET or {own} is not UNSET and None in {own}:"
            yield f'            check_nulls("{name}", {own}, {other})'

    def _is_primitive(self, type_name: str) -> bool:
        return self._types[type_name].kind == "primitive-type"

    def _annotation(self, element: Element, type_name: str) -> str:
        if type_name == "Resource":
            return "Raw"
        if type_name == "code" and element.binding in self._listed:
            return f"codes.{literal_name(element.binding)}"
        return class_name(type_name)


def class_name(type_name: str) -> str:
    """`Observation.component` → `ObservationComponent`; `dateTime` → `DateTime`."""
    return "".join(part[0].upper() + part[1:] for part in type_name.split("."))


def spellings(element: Element) -> list[tuple[str, str]]:
    """The JSON names of an element with the type of each: `valueQuantity`, `valueString` …"""
    if not element.choice:
        return [(element.name, element.types[0])]
    return [(element.name + class_name(t), t) for t in element.types]


def _attribute(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name


def _field(name: str, annotation: str, needed: bool = False) -> str:
    if keyword.iskeyword(name):
        default = f'field(name="{name}")' if needed else f'field(name="{name}", default=UNSET)'
        optional = "" if needed else " | Absent"
        return f"    {name}_: {annotation}{optional} = {default}"
    return f"    {name}: {annotation}" + ("" if needed else " | Absent = UNSET")


def _decimal_ranges(element: Element) -> Iterable[str]:
    for name, type_name in spellings(element):
        if type_name == "decimal":
            own = f"self.{_attribute(name)}"
            yield f"        if {own} is not UNSET:"
            yield f'            check_range("{name}", {"*" * element.many}{own})'


def _present(name: str, *, twin: bool) -> str:
    own = f"self.{_attribute(name)} is not UNSET"
    return f"{own} or self._{name} is not UNSET" if twin else own


def _used(text: str, names: list[str]) -> str:
    body = text.partition(IMPORTS)[2]
    return ", ".join(n for n in names if n in body)
