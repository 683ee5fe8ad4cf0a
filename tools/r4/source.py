"""Fetches and reads the definitions: npm package `hl7.fhir.r4.examples`, all of R4."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = "hl7.fhir.r4.examples"
VERSION = "4.0.1"

HEADER: dict[str, str] = {
    "source": f"npm package {PACKAGE}",
    "version": VERSION,
    "licence": "CC0-1.0",
    "made_by": "tools/generate_r4.py",
}

Definition = dict[str, Any]


class Definitions:
    """The conformance resources of one unpacked package folder, each type read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, list[Definition]] = {}

    def all(self, resource_type: str) -> list[Definition]:
        """Every definition of that type, in the order of their file names."""
        if resource_type not in self._read:
            files = sorted(self._folder.glob(f"{resource_type}-*.json"))
            found = (json.loads(file.read_text(encoding="utf-8")) for file in files)
            self._read[resource_type] = [d for d in found if d["resourceType"] == resource_type]
        return self._read[resource_type]

    def structures(self) -> Iterator[Definition]:
        """The types themselves: no profiles, no logical models, no examples."""
        for definition in self.all("StructureDefinition"):
            if definition["kind"] != "logical" and definition.get("derivation") != "constraint":
                yield definition


def fetched() -> Definitions:
    """Downloads the package with `npm pack` into a folder that lives as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="fhir-r4-"))
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603  (fixed command)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return Definitions(folder / "package")
