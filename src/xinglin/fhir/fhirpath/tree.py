"""The syntax tree of a FHIRPath expression (FHIRPath N1, grammar in appendix A).

Both back ends read it: `compile.py` makes closures over JSON values, and
`xinglin.fhir.search.extraction` makes straight Python for search parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from xinglin.fhir.dates import Date, DateTime, Time


@dataclass(frozen=True, slots=True)
class QuantityLiteral:
    value: Decimal
    unit: str  # UCUM code, or a calendar word such as "year" (singular)
    calendar: bool


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | int | Decimal | str | Date | DateTime | Time | QuantityLiteral
    at: int = 0  # offset in the source text, for messages


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`"""

    at: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `$index`, `$total`."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class External:
    """`%resource`, `%context`, `%ucum`, `%vs-name`, `%'quoted'` (name without the sign)."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """`source.name`; at the start of a path `source` is None and `name` may be a type."""

    source: Node | None
    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    source: Node | None
    name: str
    arguments: tuple[Node, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    source: Node
    index: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str  # "+" "-"
    operand: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # "|" "and" "=" "~" "in" "div" "&" …
    left: Node
    right: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is Type` / `operand as Type`; the functions `is()`, `as()` and `ofType()`
    stay `Call`s, their argument a `Member`."""

    operator: str  # "is" "as"
    operand: Node
    type: str  # "Quantity", "FHIR.Patient", "System.String"
    at: int = 0


Node = Literal | Empty | Variable | External | Member | Call | Index | Unary | Binary | TypeTest


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly under one."""
    match node:
        case Binary():
            return (node.left, node.right)
        case Unary() | TypeTest():
            return (node.operand,)
        case Index():
            return (node.source, node.index)
        case Member():
            return (node.source,) if node.source else ()
        case Call():
            return ((node.source,) if node.source else ()) + node.arguments
    return ()


def height(node: Node) -> int:
    """Levels of the tree, counted without recursion."""
    levels = 0
    level: tuple[Node, ...] = (node,)
    while level:
        levels += 1
        level = tuple(child for parent in level for child in children(parent))
    return levels
