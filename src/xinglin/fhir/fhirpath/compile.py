"""From the tree to Python closures: after this no node is looked at again.

A closure takes a scope and answers a collection; it never changes a collection that it was
given, because literals and variables are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xinglin.fhir.fhirpath.functions import FUNCTIONS, Eager
from xinglin.fhir.fhirpath.items import Collection, Item, TypeInfo, is_a, refused, system
from xinglin.fhir.fhirpath.iterating import sorted_by
from xinglin.fhir.fhirpath.navigate import Step, step
from xinglin.fhir.fhirpath.operators import LOGIC, OPERATORS, negated
from xinglin.fhir.fhirpath.scope import Run, Scope, integer, maybe, only, truth
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
    children,
)
from xinglin.fhir.fhirpath.types import cast_test, is_fhir_type, is_test, specifier

_TYPE_FUNCTIONS: Final = ("is", "as", "ofType")


def closure(node: Node) -> Run:
    """The closure of one node.

    Raises:
        Refused: an unknown function, a wrong number of arguments, an unknown type.
    """
    match node:
        case Literal():
            constant: Collection = [node.value]
            return lambda _: constant
        case Empty():
            return lambda _: []
        case Variable():
            return _VARIABLES[node.name]
        case External():
            return _external(node.name)
        case Member():
            return _member(node)
        case Index():
            return _index(closure(node.source), _isolated(node.index))
        case Unary():
            return _unary(node)
        case Binary():
            return _binary(node)
        case TypeTest():
            return _type_function(node.operator, closure(node.operand), node.type)
    return _call(node)


def _this(scope: Scope) -> Collection:
    return scope.this


_VARIABLES: Final[dict[str, Run]] = {
    "$this": _this,
    "$index": lambda scope: [scope.index],
    "$total": lambda scope: scope.total,
}


def _external(name: str) -> Run:
    def run(scope: Scope) -> Collection:
        found = scope.variables.get(name)
        return scope.work.external(name) if found is None else found

    return run


def _member(node: Member) -> Run:
    go = _steps(node.name)
    if node.source is not None:
        source = closure(node.source)
        return lambda scope: go(scope, source(scope))
    if not (node.name[0].isupper() and is_fhir_type(node.name)):
        return lambda scope: go(scope, scope.this)
    name = node.name

    def typed(scope: Scope) -> Collection:
        """`Patient.name` on a Patient: the type stands for the context itself."""
        return [one for one in scope.this if isinstance(one, Item) and is_a(one.type, name)]

    return typed


def _steps(name: str) -> Callable[[Scope, Collection], Collection]:
    known: dict[str, Step | None] = {}

    def go(scope: Scope, source: Collection) -> Collection:
        found: Collection = []
        for item in source:
            if isinstance(item, Item):
                try:
                    each = known[item.type]
                except KeyError:
                    each = known[item.type] = step(item.type, name)
                if each is not None:
                    each(item, found)
            elif isinstance(item, TypeInfo):
                found += item.part(name)
        # As work.spend does; here, because no other line runs so often.
        scope.work.left -= 1 + len(found)
        if scope.work.left < 0:
            scope.work.spend(0)
        return found

    return go


def _index(source: Run, index: Run) -> Run:
    def run(scope: Scope) -> Collection:
        found = source(scope)
        at = integer(index(scope))
        return [] if at is None or not 0 <= at < len(found) else [found[at]]

    return run


def _unary(node: Unary) -> Run:
    operand = closure(node.operand)

    def run(scope: Scope) -> Collection:
        value = only(operand(scope))
        if value is None:
            return []
        return negated(value) if node.operator == "-" else negated(negated(value)[0])

    return run


def _binary(node: Binary) -> Run:
    left, right = _isolated(node.left), _isolated(node.right)
    if node.operator in LOGIC:
        logic = LOGIC[node.operator]
        return lambda scope: maybe(logic(truth(left(scope)), lambda: truth(right(scope))))
    if node.operator == "=" and isinstance(node.right, Literal) and type(node.right.value) is str:
        return _equals_text(left, node.right.value)
    operator = OPERATORS[node.operator]
    return lambda scope: operator(scope.work, left(scope), right(scope))


def _equals_text(left: Run, text: str) -> Run:
    """`use = 'official'`, the commonest test of all."""

    def run(scope: Scope) -> Collection:
        found = left(scope)
        return [len(found) == 1 and system(found[0]) == text] if found else []

    return run


def _isolated(node: Node) -> Run:
    """A part whose variables are not seen outside it."""
    run = closure(node)
    if not _defines(node):
        return run

    def isolated(scope: Scope) -> Collection:
        before = scope.variables
        found = run(scope)
        scope.variables = before
        return found

    return isolated


def _defines(node: Node) -> bool:
    here = isinstance(node, Call) and node.name == "defineVariable"
    return here or any(map(_defines, children(node)))


def _type_function(name: str, source: Run, type_name: str) -> Run:
    """The operators `is` and `as`, and the functions of the same name."""
    test = is_test(type_name) if name == "is" else cast_test(type_name)

    def tested(scope: Scope) -> Collection:
        found = source(scope)
        if len(found) > 1:
            raise refused("not-single", count=len(found))
        if name == "is":
            return [test(found[0])] if found else []
        return found if found and test(found[0]) else []

    def chosen(scope: Scope) -> Collection:
        return [one for one in source(scope) if test(one)]

    return chosen if name == "ofType" else tested


def _call(node: Call) -> Run:
    source = _this if node.source is None else closure(node.source)
    if node.name in _TYPE_FUNCTIONS:
        _check_count(node, 1, 1)
        return _type_function(node.name, source, specifier(node.arguments[0]))
    if node.name == "sort":
        return _sort(source, node.arguments)
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise refused("unknown-function", "not-supported", name=node.name)
    _check_count(node, function.least, function.most)
    arguments = tuple(map(_isolated, node.arguments))
    if isinstance(function, Eager):
        return _eager(function, source, arguments)
    lazy = function.run
    return lambda scope: lazy(scope, source(scope), *arguments)


def _eager(function: Eager, source: Run, arguments: tuple[Run, ...]) -> Run:
    """Arguments are evaluated where the call stands, not on its input."""
    run = function.run
    if not arguments:
        return lambda scope: run(scope.work, source(scope))
    return lambda scope: run(
        scope.work, source(scope), *[argument(scope) for argument in arguments]
    )


def _check_count(node: Call, least: int, most: int) -> None:
    count = len(node.arguments)
    if not least <= count <= most:
        raise refused("wrong-arguments", "invalid", name=node.name, count=count)


def _sort(source: Run, arguments: tuple[Node, ...]) -> Run:
    """A minus before a key means descending, also where the key is no number."""
    keys = [
        (_isolated(key.operand), True)
        if isinstance(key, Unary) and key.operator == "-"
        else (_isolated(key), False)
        for key in arguments
    ] or [(_this, False)]
    return lambda scope: sorted_by(scope, source(scope), keys)
