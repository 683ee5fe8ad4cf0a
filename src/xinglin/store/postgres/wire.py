"""Values as PostgreSQL takes them in binary (PostgreSQL 15, 55.7 and COPY, "Binary Format").

Numbers of one column are packed together by one call, because a batch has many thousands.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xinglin.store.relational.sql import Binding, Many

BOOL, BYTEA, INT8, INT2, INT4, TEXT, FLOAT8 = 16, 17, 20, 21, 23, 25, 701
ARRAYS = {BOOL: 1000, BYTEA: 1001, INT8: 1016, INT2: 1005, INT4: 1007, TEXT: 1009, FLOAT8: 1022}

_FIXED = {BOOL: "?", INT8: "q", INT2: "h", INT4: "i", FLOAT8: "d"}  # formats of `struct`
_ONE: dict[int, Callable[[Any], bytes]] = {
    **{oid: struct.Struct(f">{kind}").pack for oid, kind in _FIXED.items()},
    TEXT: str.encode,
    BYTEA: bytes,
}
_BINDINGS = {int: INT8, float: FLOAT8, str: TEXT, bytes: BYTEA, bool: BOOL}
_NULL = struct.pack(">i", -1)
_BLOCK = 1_000  # rows packed together
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"


def bound(value: Binding) -> tuple[int, bytes | None]:
    """The type and the bytes of one value; type 0 leaves it to the server."""
    if value is None:
        return 0, None
    oid = _BINDINGS.get(type(value))
    if oid is None:
        assert isinstance(value, Many)
        element = FLOAT8 if any(type(each) is float for each in value.values) else INT8
        return ARRAYS[element], array(element, value.values)
    return oid, _ONE[oid](value)


def array(oid: int, values: Sequence[Any]) -> bytes:
    """An array of one dimension with elements of this type."""
    head = struct.pack(">iiiii", 1, 1, oid, len(values), 1)
    if oid not in _FIXED or None in values:
        return head + b"".join(_sized(oid, value) for value in values)
    kind = _FIXED[oid]
    flat = [struct.calcsize(f">{kind}")] * (2 * len(values))
    flat[1::2] = values
    return head + struct.pack(">" + f"i{kind}" * len(values), *flat)


def copied(oids: Sequence[int], rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """The rows as COPY … (FORMAT BINARY) reads them, block by block."""
    yield _COPY_HEAD
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        columns = list(zip(*block, strict=True))
        if _FIXED.keys() >= set(oids) and not any(None in column for column in columns):
            yield _numbers(oids, columns)
        else:
            head = struct.pack(">h", len(oids))
            yield b"".join(head + b"".join(map(_sized, oids, row)) for row in block)
    yield _COPY_END


def _numbers(oids: Sequence[int], columns: Sequence[Sequence[Any]]) -> bytes:
    """Rows that have but numbers: of each its count of columns, and size and value of each."""
    kinds = [_FIXED[oid] for oid in oids]
    row: list[Any] = [len(oids)]
    for kind in kinds:
        row += (struct.calcsize(f">{kind}"), None)
    flat = row * len(columns[0])
    for at, column in enumerate(columns):
        flat[2 * at + 2 :: len(row)] = column
    return struct.pack(">" + ("h" + "".join(f"i{kind}" for kind in kinds)) * len(columns[0]), *flat)


def _sized(oid: int, value: Any) -> bytes:
    if value is None:
        return _NULL
    packed = _ONE[oid](value)
    return struct.pack(">i", len(packed)) + packed
