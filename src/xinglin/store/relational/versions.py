"""Versions as they lie in the database, and as the face of the store shows them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from xinglin.store.face import Method, Version
from xinglin.store.relational.bodies import Unpacker
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.keys import unpack_id

METHODS: tuple[Method, ...] = ("POST", "PUT", "PATCH", "DELETE")

# What `Versions.load` takes, in this order, from a join of `ver v` with `res r`.
COLUMNS = "v.seq, v.t, v.rt, r.id, v.v, v.method, v.dict, v.body"


def content_hash(
    type: str, id: str, version: int, t: int, method: Method, stored: bytes | None
) -> int:
    """64 bits by which a version is known again, whichever engine holds it (BLAKE2b, RFC 7693).

    `stored`: what `encode` gives; None for a deletion."""
    head = f"{type}/{id}/{version}/{t}/{method}\n".encode()
    digest = blake2b(head if stored is None else head + stored, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def encode(meta: bytes | None, body: bytes) -> bytes:
    return (meta or b"") + b"\n" + body


def decode(stored: bytes) -> tuple[bytes | None, bytes]:
    meta, _, body = stored.partition(b"\n")
    return meta or None, body


def unpacker(database: Database) -> Unpacker:
    """Decompresses the bodies of this database."""

    def dictionary(number: int) -> bytes:
        [(content,)] = database.execute("SELECT content FROM dict WHERE dict = ?", (number,))
        return bytes(content)

    return Unpacker(dictionary)


class Versions:
    """Reads versions in one database."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._unpacker = unpacker(database)

    def stored(self, dictionary: int, packed: bytes) -> bytes:
        return self._unpacker.unpack(dictionary, packed)

    def load(self, row: tuple[Any, ...]) -> Version:
        seq, t, rt, id, number, method, dictionary, packed = row
        meta = body = None
        if packed is not None:
            meta, body = decode(self._unpacker.unpack(dictionary, packed))
        type_name = self._catalogue.type_name[rt]
        return Version(type_name, unpack_id(id), number, t, METHODS[method], meta, body, seq)
