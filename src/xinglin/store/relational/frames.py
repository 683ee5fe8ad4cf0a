"""The container of a backup: one file, read and written from its beginning to its end.

A line says what it is (`xinglin backup 1`, the number being that of the format). Then come
frames, each with a kind (one byte), the length of what it holds (four bytes, big end first) and
a checksum (BLAKE2b, RFC 7693, of 16 bytes) over the checksum before it, kind, length and
contents. So the last checksum is one over everything, and a file that is cut off, altered, or
put together from others is found out at the first wrong frame, before anything after it is used.
"""

from __future__ import annotations

import re
import struct
from hashlib import blake2b
from typing import IO, Literal

from xinglin.fhir.outcome import Issue, Refused

FORMAT = 1

Kind = Literal[b"M", b"T", b"R", b"E"]  # manifest, table, rows, end

_LINE = b"xinglin backup %d\n"
_ANY_LINE = re.compile(rb"xinglin backup ([1-9]\d{0,8})\n")
_HEAD = struct.Struct(">cI")
_SUM_BYTES = 16
_LARGEST = 1 << 31  # bytes in a frame; a length beyond it was never written


def damaged(at: int) -> Refused:
    """The file is not as it was written, from this byte on."""
    return Refused(Issue("structure", "store.backup-damaged", given={"at": at}))


class FrameWriter:
    def __init__(self, file: IO[bytes]) -> None:
        line = _LINE % FORMAT
        self._file = file
        self._sum = _sum(b"", line)
        self.size = file.write(line)

    def write(self, kind: Kind, contents: bytes) -> None:
        assert len(contents) <= _LARGEST
        head = _HEAD.pack(kind, len(contents))
        self._sum = _sum(self._sum, head, contents)
        for part in (head, self._sum, contents):
            self._file.write(part)
            self.size += len(part)


class FrameReader:
    """Raises: Refused, where a file is none, or of a later edition, or damaged."""

    def __init__(self, file: IO[bytes]) -> None:
        line = file.readline(len(_LINE) + 10)
        found = _ANY_LINE.fullmatch(line)
        if found is None:
            raise Refused(Issue("structure", "store.no-backup"))
        if int(found[1]) > FORMAT:
            given: dict[str, str | int] = {"format": int(found[1]), "known": FORMAT}
            raise Refused(Issue("not-supported", "store.backup-newer", given=given))
        self._file = file
        self._sum = _sum(b"", line)
        self.size = len(line)

    def read(self) -> tuple[Kind, bytes]:
        """The next frame."""
        head = self._exactly(_HEAD.size)
        kind, length = _HEAD.unpack(head)
        expected = self._exactly(_SUM_BYTES)
        if length > _LARGEST:
            raise damaged(self.size)
        contents = self._exactly(length)
        self._sum = _sum(self._sum, head, contents)
        if self._sum != expected:
            raise damaged(self.size)
        self.size += _HEAD.size + _SUM_BYTES + length
        return kind, contents

    def end(self) -> None:
        """Nothing follows."""
        if self._file.read(1):
            raise damaged(self.size)

    def _exactly(self, count: int) -> bytes:
        read = self._file.read(count)
        if len(read) < count:
            raise damaged(self.size)
        return read


def _sum(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=_SUM_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
