"""What can be known of an expression before it runs, from the R4 model (FHIRPath N1, section
10.1, strict evaluation): unknown elements, wrong types, order where there is none.

Where a type cannot be known (`resolve()`, `%variable`, `contained`), nothing is refused.
"""

from __future__ import annotations

from typing import Final

from xinglin.fhir.fhirpath.items import is_a, refused, system_reader
from xinglin.fhir.fhirpath.navigate import step
from xinglin.fhir.fhirpath.tree import (
    Binary,
    Call,
    Empty,
    External,
    Index,
    Literal,
    Member,
    Node,
    TypeTest,
    Unary,
    Variable,
)
from xinglin.fhir.fhirpath.types import is_fhir_type, resolved, specifier
from xinglin.fhir.r4 import model

# The types that a collection can hold: FHIR's by name, System's as "System.String"; None where
# that is not known.
Types = frozenset[str] | None

# Types that say little: what is there may be something derived from them.
_OPEN: Final = ("Resource", "DomainResource", "Element", "BackboneElement")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ON_STRINGS: Final = _words(
    "indexOf lastIndexOf substring startsWith endsWith upper lower replace matches matchesFull"
    " replaceMatches length toChars encode decode escape unescape trim split"
)
_SAME_AS_INPUT: Final = _words(
    "where distinct single first last tail skip take exclude intersect trace sort"
    " defineVariable checkModifiers"
)
_LAZY: Final = _words("where select all exists sort aggregate iif trace defineVariable")
_NEED_ORDER: Final = _words("first last tail skip take")
_ANSWERS: Final = {
    "Boolean": "empty exists all allTrue anyTrue allFalse anyFalse subsetOf supersetOf isDistinct"
    " not startsWith endsWith contains matches matchesFull hasValue conformsTo comparable"
    " htmlChecks is",
    "Integer": "count indexOf lastIndexOf length precision toInteger ceiling floor truncate",
    "String": "substring upper lower replace replaceMatches encode decode escape unescape trim"
    " join split toChars toString",
    "Decimal": "toDecimal exp ln log sqrt",
    "Date": "today toDate",
    "DateTime": "now toDateTime",
    "Time": "timeOfDay toTime",
    "Quantity": "toQuantity",
    "TypeInfo": "type",
}
_ANSWER_OF: Final = {
    name: frozenset({f"System.{answer}"})
    for answer, names in _ANSWERS.items()
    for name in names.split()
}
_BOOLEAN_OPERATORS: Final = _words("= != ~ !~ < <= > >= in contains and or xor implies")


def check(tree: Node, type_name: str) -> None:
    """Refused if the expression cannot mean anything on this type."""
    root: Types = frozenset({type_name})
    _Checker(root).types(tree, root)


class _Checker:
    def __init__(self, root: Types) -> None:
        self.root = root
        self.unions = 0  # around the current node

    def types(self, node: Node, this: Types) -> Types:
        """What a node can evaluate to, where `$this` is one of `this`."""
        match node:
            case Empty():
                return frozenset()
            case Member():
                return self.member(node, this)
            case Call():
                return self.call(node, this)
            case Variable(name="$this"):
                return this
            case External(name="context"):
                return self.root
            case Binary():
                return self.binary(node, this)
            case Index():
                _check_order(node.source)
                self.types(node.index, this)
                return self.types(node.source, this)
            case TypeTest():
                self.types(node.operand, this)
                return _cast(node.type) if node.operator == "as" else _ANSWER_OF["not"]
            case Unary():
                return self.types(node.operand, this)
        return _literal(node)

    def binary(self, node: Binary, this: Types) -> Types:
        self.unions += node.operator == "|"
        left, right = self.types(node.left, this), self.types(node.right, this)
        self.unions -= node.operator == "|"
        if node.operator == "|":
            return _either(left, right)
        return _ANSWER_OF["not"] if node.operator in _BOOLEAN_OPERATORS else None

    def member(self, node: Member, this: Types) -> Types:
        if node.source is None and node.name[0].isupper() and is_fhir_type(node.name):
            return self.prefix(node.name, this)
        source = this if node.source is None else self.types(node.source, this)
        if source is None:
            return None
        found: frozenset[str] = frozenset()
        for one in source:
            child = _element(one, node.name)
            if child is None:
                return None
            found |= child
        if source and not found:
            raise refused(
                "unknown-element", "invalid", name=node.name, type=", ".join(sorted(source))
            )
        return found

    def prefix(self, name: str, this: Types) -> Types:
        """`Patient.name`: the type stands for the context. In a union each part may be for
        another type, as in the expressions of search parameters."""
        if this is None:
            return frozenset({name})
        matching = frozenset(one for one in this if is_a(one, name))
        if matching or self.unions:
            return matching
        if any(is_a(name, one) for one in this):
            return frozenset({name})
        raise refused("unknown-element", "invalid", name=name, type=", ".join(sorted(this)))

    def call(self, node: Call, this: Types) -> Types:
        source = this if node.source is None else self.types(node.source, this)
        match node.name:
            case "ofType" | "as":
                return _cast(specifier(node.arguments[0]))
            case "is":
                return _ANSWER_OF["is"]
            case "repeat":
                return self.repeat(node.arguments[0], source)
        each = node.name in _LAZY
        inner = [self.types(one, source if each else this) for one in node.arguments]
        if node.name in _ON_STRINGS:
            _check_string(source, node.name)
        if node.name in _NEED_ORDER and node.source is not None:
            _check_order(node.source)
        return _answer(node, source, inner)

    def repeat(self, projection: Node, source: Types) -> Types:
        """The types that are reached in any number of rounds."""
        found = self.types(projection, source)
        while found is not None and source is not None and not found <= source:
            source |= found
            found = self.types(projection, source)
        return found


def _answer(node: Call, source: Types, inner: list[Types]) -> Types:
    if node.name in _SAME_AS_INPUT:
        return source
    if node.name in _ANSWER_OF:
        return _ANSWER_OF[node.name]
    match node.name:
        case "select":
            return inner[0]
        case "union" | "combine":
            return _either(source, inner[0])
        case "iif":
            return _either(inner[1], inner[2] if len(inner) > 2 else frozenset())
        case "extension":
            return frozenset({"Extension"})
    return None


def _either(left: Types, right: Types) -> Types:
    return None if left is None or right is None else left | right


def _literal(node: Node) -> Types:
    if isinstance(node, Literal):
        name = type(node.value).__name__
        names = {
            "bool": "Boolean",
            "int": "Integer",
            "str": "String",
            "QuantityLiteral": "Quantity",
        }
        return frozenset({f"System.{names.get(name, name)}"})
    return None


def _cast(name: str) -> Types:
    fhir, plain = resolved(name)
    found = {fhir} if fhir else set()
    return frozenset(found | ({f"System.{plain}"} if plain else set()))


def _element(type_name: str, name: str) -> Types:
    """Types of a child; empty where there can be none, None where that is not known."""
    if type_name.startswith("System."):
        known = type_name == "System.TypeInfo" and name in ("namespace", "name", "baseType")
        return frozenset({"System.String"}) if known else frozenset()
    if model.is_primitive(type_name):
        if name == "value":
            return None
        return (
            frozenset({"Extension" if name == "extension" else "string"})
            if step(type_name, name)
            else frozenset()
        )
    element = model.element(type_name, name)
    if element is not None:
        return frozenset(element.types)
    return None if type_name in _OPEN else frozenset()


def _check_string(source: Types, function: str) -> None:
    if source and not any(_may_be_string(one) for one in source):
        raise refused("wrong-source", "invalid", name=function, type=", ".join(sorted(source)))


def _may_be_string(type_name: str) -> bool:
    if type_name.startswith("System."):
        return type_name == "System.String"
    reader = system_reader(type_name)
    return type_name in _OPEN or (reader is not None and reader is system_reader("string"))


def _check_order(source: Node) -> None:
    if isinstance(source, Call) and source.name in ("children", "descendants"):
        raise refused("no-order-here", "invalid", name=source.name)
