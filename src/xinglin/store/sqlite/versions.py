"""Versions as they lie in the database, and as the face of the store shows them."""

from __future__ import annotations

from typing import Any

import apsw

from xinglin.store.face import Method, Version
from xinglin.store.sqlite.bodies import Unpacker
from xinglin.store.sqlite.names import Catalogue, unpack_id

METHODS: tuple[Method, ...] = ("POST", "PUT", "PATCH", "DELETE")

# What `Versions.load` takes, in this order, from a join of `ver v` with `res r`.
COLUMNS = "v.seq, v.t, v.rt, r.id, v.v, v.method, v.dict, v.body"


def encode(meta: bytes | None, body: bytes) -> bytes:
    return (meta or b"") + b"\n" + body


def decode(stored: bytes) -> tuple[bytes | None, bytes]:
    meta, _, body = stored.partition(b"\n")
    return meta or None, body


class Versions:
    """Reads versions in one connection."""

    def __init__(self, connection: apsw.Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._unpacker = Unpacker(self._dictionary)

    def _dictionary(self, number: int) -> bytes:
        [(content,)] = self._connection.execute(
            "SELECT content FROM dict WHERE dict = ?", (number,)
        )
        return bytes(content)

    def stored(self, dictionary: int, packed: bytes) -> bytes:
        return self._unpacker.unpack(dictionary, packed)

    def load(self, row: tuple[Any, ...]) -> Version:
        seq, t, rt, id, number, method, dictionary, packed = row
        meta = body = None
        if packed is not None:
            meta, body = decode(self._unpacker.unpack(dictionary, packed))
        type_name = self._catalogue.type_name[rt]
        return Version(type_name, unpack_id(id), number, t, METHODS[method], meta, body, seq)
