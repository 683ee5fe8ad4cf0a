"""What the server and the process that writes a backup for it say to one another."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct):
    place: str
    file: str
    made: int  # µs since 1970-01-01T00:00Z


class Made(msgspec.Struct):
    bytes: int
    versions: int
    seq: int  # the end of the feed
