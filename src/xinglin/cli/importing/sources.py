"""Files to be taken in: found, unpacked, recognized.

A source is one JSON document or one NDJSON file: a file as it is, packed by gzip, bzip2 or
zstd, or a member of a ZIP archive.
"""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import zstandard

_PACKED: Final = (".gz", ".bz2", ".zst")
_LINES: Final = (".ndjson", ".jsonl")
_JSON: Final = (".json", *_LINES)
_HEAD: Final = 65536


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    member: str = ""  # of a ZIP archive
    size: int = 0  # bytes, as it lies on the disk

    @property
    def name(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def is_lines(self) -> bool:
        return _plain(self.member or self.path.name).endswith(_LINES)

    @property
    def key(self) -> str:
        """The same as long as it is the same file, and almost surely no other's."""
        found = self.path.stat()
        with self.path.open("rb") as file:
            head = sha256(file.read(_HEAD)).hexdigest()
        parts = (
            f"{self.path.resolve()}\0{self.member}\0{found.st_size}\0{found.st_mtime_ns}\0{head}"
        )
        return f"import/{sha256(parts.encode()).hexdigest()[:32]}"


class Unreadable(Exception):  # noqa: N818
    """A path that nothing can be read from."""


def find(paths: Iterable[str]) -> list[Source]:
    """The sources at these paths: files, folders with all below them, or patterns; each once,
    in the order given and of their names.

    Raises: Unreadable.
    """
    found: dict[Source, None] = {}
    for text in paths:
        here = [source for path in _files(text) for source in _within(path)]
        if not here:
            raise Unreadable(text)
        found.update(dict.fromkeys(here))
    return list(found)


def _files(text: str) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        for below in sorted(path.rglob("*")):
            if below.is_file() and _plain(below.name).endswith((*_JSON, ".zip")):
                yield below
    elif path.is_file():
        yield path
    else:
        for match in sorted(glob.glob(text, recursive=True)):  # noqa: PTH207  (may be absolute)
            yield from _files(match) if match != text else ()


def _within(path: Path) -> Iterator[Source]:
    size = path.stat().st_size
    if path.suffix.lower() != ".zip":
        yield Source(path, "", size)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda info: info.filename):
                if _plain(member.filename).endswith(_JSON):
                    yield Source(path, member.filename, member.compress_size)
    except zipfile.BadZipFile as error:
        raise Unreadable(str(path)) from error


def opened(source: Source) -> io.BufferedIOBase:
    """The plain bytes of a source, as a stream. Raises: OSError, and others, when it is broken."""
    if source.member:
        archive = zipfile.ZipFile(source.path)
        return io.BufferedReader(archive.open(source.member))  # type: ignore[type-var]
    match source.path.suffix.lower():
        case ".gz":
            return gzip.GzipFile(source.path)
        case ".bz2":
            return bz2.BZ2File(source.path)
        case ".zst":
            packed = source.path.open("rb")
            unpacker = zstandard.ZstdDecompressor()
            return io.BufferedReader(unpacker.stream_reader(packed, read_across_frames=True))
    return source.path.open("rb")


def _plain(name: str) -> str:
    """The name without the ending of its packing."""
    lower = name.lower()
    for ending in _PACKED:
        lower = lower.removesuffix(ending)
    return lower
