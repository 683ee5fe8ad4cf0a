"""Pieces of SQL with their bindings, in the order of the question marks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Binding = int | float | str | bytes | None


class Many(str):
    """Numbers without end as one binding: text for an engine that reads JSON, and `values` for
    one that takes lists. Stands in `IN (SELECT value FROM json_each(?))` only."""

    __slots__ = ("values",)

    values: tuple[int | float, ...]

    def __new__(cls, values: Iterable[int | float]) -> Many:
        listed = tuple(values)
        many = super().__new__(cls, json.dumps(listed))
        many.values = listed
        return many


class Sql(NamedTuple):
    text: str
    bindings: tuple[Binding, ...] = ()


MANY = 500  # a statement may have some ten thousand bindings, and is short with few

TRUE = Sql("TRUE")
FALSE = Sql("FALSE")


def marks(values: Sequence[Binding]) -> str:
    return "(" + ", ".join("?" * len(values)) + ")"


def among(column: str, values: Sequence[int | float]) -> Sql:
    """`column` is one of the values, of which there may be any number."""
    if not values:
        return FALSE
    if len(values) == 1:
        return Sql(f"{column} = ?", tuple(values))
    if len(values) > MANY:
        return Sql(f"{column} IN (SELECT value FROM json_each(?))", (Many(values),))
    return Sql(f"{column} IN {marks(values)}", tuple(values))


def both(pieces: Iterable[Sql]) -> Sql:
    """All hold."""
    kept = [piece for piece in pieces if piece != TRUE]
    if FALSE in kept:
        return FALSE
    return _join(kept, " AND ") if kept else TRUE


def either(pieces: Iterable[Sql]) -> Sql:
    """At least one holds."""
    kept = [piece for piece in pieces if piece != FALSE]
    if TRUE in kept:
        return TRUE
    return _join(kept, " OR ") if kept else FALSE


def negation(piece: Sql) -> Sql:
    if piece == TRUE:
        return FALSE
    if piece == FALSE:
        return TRUE
    return Sql(f"NOT ({piece.text})", piece.bindings)


def exists(source: str, where: Sql) -> Sql:
    """Some row of `source` fulfils `where`."""
    if where == FALSE:
        return FALSE
    return Sql(f"EXISTS (SELECT 1 FROM {source} WHERE {where.text})", where.bindings)


def _join(pieces: Sequence[Sql], word: str) -> Sql:
    """Halves of halves, because the depth of an expression is limited and not its length."""
    if len(pieces) == 1:
        return pieces[0]
    middle = len(pieces) // 2
    left, right = _join(pieces[:middle], word), _join(pieces[middle:], word)
    return Sql(f"({left.text}){word}({right.text})", left.bindings + right.bindings)
