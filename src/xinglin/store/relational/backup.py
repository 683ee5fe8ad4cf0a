"""A backup: all rows of all tables as they are at one moment, in one file that any engine reads.

It holds the whole record: every version, the index, dictionaries, custom search parameters, and
where consumers of the feed stand. So a restored record needs no work before it can be searched.
What else lies in the folder of a server, as the files of bulk jobs, is not part of the record.

The frames (see `frames.py`) are a manifest (JSON); for each table one with its name, and then
its rows in portions, each a list of lists (MessagePack) packed with zstd (RFC 8878); and at the
end the number of rows of each table (JSON).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

import msgspec
import zstandard

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.frames import FrameReader, FrameWriter, damaged
from xinglin.store.relational.migrations import SCHEMA_VERSION
from xinglin.store.relational.tables import TABLES, Table

LEVEL: Final = 3
AHEAD: Final = 8  # portions that one thread is ahead of the other
PORTION: Final = 2000  # rows
HEAVY_PORTION: Final = 50
WHOLE: Final = 64 << 20  # bytes; heavy rows that come to more are not packed together

Item = TypeVar("Item")
Watch = Callable[[int], None]  # is told of rows that were done


class Manifest(msgspec.Struct, frozen=True):
    """`seq` and `t`: the end of the feed. `made`: when (µs since 1970-01-01T00:00Z), `by`: with
    which version of Xinglin."""

    schema: int
    made: int
    by: str
    seq: int
    t: int
    tables: dict[str, list[str]]  # their columns


@dataclass(frozen=True, slots=True)
class Contents:
    manifest: Manifest
    rows: Mapping[str, int]  # by table
    size: int  # bytes of the file


def unwatched(rows: int) -> None:
    """For who does not want to be told."""


def back_up(
    database: Database, file: IO[bytes], *, made: int, by: str, watch: Watch = unwatched
) -> Contents:
    """Write a backup, while others go on writing to the record.

    Args:
        made, by: see `Manifest`.
    """
    frames = FrameWriter(file)
    packer = zstandard.ZstdCompressor(level=LEVEL)
    with database.snapshot():
        [(seq, t)] = database.execute("SELECT seq, t FROM lane")
        columns = {table.name: list(table.columns) for table in TABLES}
        manifest = Manifest(SCHEMA_VERSION, made, by, seq, t, columns)
        frames.write(b"M", msgspec.json.encode(manifest))
        counts = dict.fromkeys(columns, 0)
        for table, rows, encoded in ahead(_encoded(database)):
            if rows == 0:
                frames.write(b"T", table.name.encode())
                continue
            frames.write(b"R", packer.compress(encoded))
            counts[table.name] += rows
            watch(rows)
    frames.write(b"E", msgspec.json.encode(counts))
    return Contents(manifest, counts, frames.size)


def _encoded(database: Database) -> Iterator[tuple[Table, int, bytes]]:
    """Each table, and then its rows: how many, and their text."""
    encode = msgspec.msgpack.Encoder().encode
    for table in TABLES:
        yield table, 0, b""
        query = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY "
        portion = HEAVY_PORTION if table.heavy else PORTION
        for rows in database.portions(query + ", ".join(table.order), portion):
            if table.heavy and sum(len(row[-1] or b"") for row in rows) > WHOLE:
                for row in rows:
                    yield table, 1, encode((row,))
            else:
                yield table, len(rows), encode(rows)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same, made by another thread while this one is at work on those before."""
    with ThreadPoolExecutor(1) as other:
        waiting = deque(other.submit(_next, items) for _ in range(AHEAD))
        while following := waiting.popleft().result():
            yield following[0]
            waiting.append(other.submit(_next, items))


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None


class BackupReader:
    """Reads a backup. Each method raises Refused where the file cannot be used."""

    def __init__(self, file: IO[bytes]) -> None:
        self._frames = FrameReader(file)
        kind, contents = self._frames.read()
        if kind != b"M":
            raise damaged(self._frames.size)
        try:
            self.manifest = msgspec.json.decode(contents, type=Manifest)
        except msgspec.DecodeError as error:
            raise damaged(self._frames.size) from error
        if self.manifest.schema != SCHEMA_VERSION:
            found: dict[str, str | int] = {
                "schema": self.manifest.schema,
                "expected": SCHEMA_VERSION,
                "edition": self.manifest.by,
            }
            raise Refused(Issue("not-supported", "store.backup-other-schema", given=found))

    def portions(self) -> Iterator[tuple[Table, Sequence[Row]]]:
        """All rows. Only when they came to their end is the file known to be whole."""
        try:
            yield from self._portions()
        except (KeyError, ValueError, zstandard.ZstdError) as error:
            # Its checksums are right, so somebody wrote it like that.
            raise damaged(self._frames.size) from error

    def _portions(self) -> Iterator[tuple[Table, Sequence[Row]]]:
        unpack = zstandard.ZstdDecompressor().decompress
        known = {table.name: (table, _decoder(table)) for table in TABLES}
        counts = dict.fromkeys(known, 0)
        kind, contents = self._frames.read()
        while kind == b"T":
            table, decode = known[contents.decode()]
            kind, contents = self._frames.read()
            while kind == b"R":
                rows = decode(unpack(contents))
                counts[table.name] += len(rows)
                yield table, rows
                kind, contents = self._frames.read()
        if kind != b"E" or msgspec.json.decode(contents) != counts:
            raise damaged(self._frames.size)
        self._frames.end()
        self.contents = Contents(self.manifest, counts, self._frames.size)


def _decoder(table: Table) -> Callable[[bytes], list[Row]]:
    rows: Any = list.__class_getitem__(table.row)
    decode: Callable[[bytes], list[Row]] = msgspec.msgpack.Decoder(rows).decode
    return decode


def check(file: IO[bytes], watch: Watch = unwatched) -> Contents:
    """Read a backup to its end, and do nothing with it.

    Raises:
        Refused: it is none, or damaged, or of another edition.
    """
    reader = BackupReader(file)
    for _, rows in ahead(reader.portions()):
        watch(len(rows))
    return reader.contents
