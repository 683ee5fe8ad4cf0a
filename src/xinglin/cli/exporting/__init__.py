"""Writing what a record exports into files."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec
import typer
import zstandard

from xinglin.cli import language
from xinglin.cli.record.door import Line
from xinglin.fhir.outcome import Issue
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.wording import sentence

PACKINGS: Final[Mapping[str, tuple[str, Callable[[Path], IO[bytes]]]]] = {
    "none": (".ndjson", lambda path: path.open("wb")),
    "gz": (".ndjson.gz", lambda path: io.BufferedWriter(gzip.GzipFile(path, "wb", 6))),
    "zst": (".ndjson.zst", lambda path: zstandard.open(path, "wb")),
}


def check_types(types: Sequence[str]) -> Sequence[str]:
    for name in types:
        if name not in RESOURCE_TYPES:
            raise typer.BadParameter(name, param_hint="--type")
    return types


async def written(
    portions: AsyncIterator[Sequence[Line]], out: Path, packing: str
) -> dict[str, int]:
    """Write them below `out`; answers how many of each type."""
    counts: Counter[str] = Counter()
    with _Files(out, packing) as files:
        async for portion in portions:
            for line in portion:
                files[line.type].write(line.content + b"\n")
            counts.update(line.type for line in portion)
    return dict(sorted(counts.items()))


class _Files:
    """The file of each type. It gets its name when it is complete; until then it is `….part`."""

    def __init__(self, folder: Path, packing: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ending, self._opened = PACKINGS[packing]
        self._open: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __getitem__(self, name: str) -> IO[bytes]:
        if name not in self._open:
            self._open[name] = self._opened(self._part(name))
        return self._open[name]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._open.values():
            file.close()
        if error is None:
            for name in self._open:
                self._part(name).replace(self._folder / f"{name}{self._ending}")

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}{self._ending}.part"


def conclude(counts: Mapping[str, int], out: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(counts).decode())
        return
    given: dict[str, str | int] = {"resources": sum(counts.values()), "folder": str(out)}
    typer.echo(sentence(Issue("informational", "cli.export-ended", given=given), language()))
