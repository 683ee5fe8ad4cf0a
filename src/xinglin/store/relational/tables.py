"""The tables that make up a record, in either engine: what a backup holds.

The engines' own schemas (`sqlite/schema.py`, `postgres/schema.py`) say what each table is for.
Tables by which an engine only manages itself (PostgreSQL's `schema_version`) are none of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: what a row has, in order, and of which type. `order`: a unique key, in whose
    order rows are added fastest. `heavy`: the last column may have megabytes."""

    name: str
    columns: Mapping[str, Any]
    order: tuple[str, ...]
    heavy: bool = False

    @property
    def row(self) -> Any:
        """The type of its rows."""
        return tuple.__class_getitem__(tuple(self.columns.values()))


_NUMBER = int | None

TABLES: tuple[Table, ...] = (
    Table("lane", {"seq": int, "t": int, "rid": int, "tid": int, "generation": int}, ("seq",)),
    Table("cursor", {"name": str, "seq": int}, ("name",)),
    Table(
        "custom",
        {"stage": int, "place": int, "definition": bytes | None},
        ("stage", "place"),
        heavy=True,
    ),
    Table("type", {"rt": int, "name": str, "live": int}, ("rt",)),
    Table("param", {"p": int, "name": str, "bit": int}, ("p",)),
    Table("system", {"sys": int, "uri": str}, ("sys",)),
    Table("unit", {"u": int, "system": str, "code": str, "unit": str}, ("u",)),
    Table(
        "term",
        {"p": int, "code": str, "sys": int, "text": str, "tid": int},
        ("p", "code", "sys", "text"),
    ),
    Table("dict", {"dict": int, "rt": int, "content": bytes}, ("dict",), heavy=True),
    Table(
        "res",
        {
            "rid": int,
            "rt": int,
            "id": bytes,
            "seq": _NUMBER,
            "v": _NUMBER,
            "live": _NUMBER,
            "d": _NUMBER,
            "span": _NUMBER,
            "has": _NUMBER,
        },
        ("rid",),
    ),
    Table(
        "ver",
        {
            "seq": int,
            "t": int,
            "rt": int,
            "rid": int,
            "v": int,
            "method": int,
            "hash": int,
            "dict": int,
            "body": bytes | None,
        },
        ("seq",),
        heavy=True,
    ),
    Table("past", {"rid": int, "v": int, "seq": int}, ("rid", "v")),
    Table("comp", {"c": int, "rid": int}, ("c", "rid")),
    Table("ix", {"k": int, "d": int, "rid": int}, ("k", "d", "rid")),
    Table("link", {"rid": int, "p": int, "target": int}, ("rid", "p", "target")),
    Table("dt", {"k": int, "lo": int, "hi": int, "rid": int}, ("k", "lo", "hi", "rid")),
    Table("pd", {"k": int, "lo": int, "hi": int, "rid": int}, ("k", "lo", "hi", "rid")),
    Table("qn", {"k": int, "v": float, "u": int, "rid": int}, ("k", "v", "u", "rid")),
    Table("st", {"k": int, "norm": str, "raw": str, "rid": int}, ("k", "norm", "raw", "rid")),
)
