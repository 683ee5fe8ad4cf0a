"""Writes the data files of `xinglin.fhir.r4`: JSON, one record a line, for readable diffs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .elements import Element, Type, uri_properties
from .source import HEADER, Definitions

COLUMNS = [
    "name",
    "types",
    "many",
    "choice",
    "targets",
    "required",
    "summary",
    "binding",
]


def write_structures(folder: Path, types: dict[str, Type]) -> None:
    """`structures.json`: for each type its parent, kind and the elements it adds."""
    header = {**HEADER, "columns": ["parent", "kind", "abstract", COLUMNS]}
    records = {
        t.name: [t.parent, t.kind, t.abstract, [_columns(e) for e in t.elements]]
        for t in types.values()
    }
    sections = [
        ("header", _line(header)),
        ("uri_elements", _line(uri_properties(types))),
        ("types", _lines(records)),
    ]
    _write(folder / "structures.json", sections)


def write_search_parameters(folder: Path, definitions: Definitions) -> None:
    """`search-parameters.json`: those of the specification proper that have an expression.

    Left out are the experimental ones (examples and parameters on extensions) and
    `_text`, `_content`, `_query` and `_filter`, which no FHIRPath defines.
    """
    records = {
        p["url"]: _search_parameter(p)
        for p in definitions.all("SearchParameter")
        if not p["experimental"] and "expression" in p
    }
    _write(
        folder / "search-parameters.json",
        [("header", _line(HEADER)), ("parameters", _lines(records))],
    )


def write_compartments(folder: Path, definitions: Definitions) -> None:
    """`compartments.json`: by compartment and resource type, the search parameter codes that
    put a resource into it."""
    records = {
        c["code"]: {r["code"]: r["param"] for r in c["resource"] if "param" in r}
        for c in definitions.all("CompartmentDefinition")
        if c["id"] != "example"
    }
    _write(
        folder / "compartments.json",
        [("header", _line(HEADER)), ("compartments", _lines(dict(sorted(records.items()))))],
    )


def _columns(element: Element) -> list[Any]:
    """One element as a row; false and empty columns at the end are left out."""
    row = [int(v) if isinstance(v, bool) else v for v in (getattr(element, c) for c in COLUMNS)]
    while not row[-1]:
        row.pop()
    return [bool(v) if isinstance(v, int) else v for v in row]


def _search_parameter(definition: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {
        key: definition[key]
        for key in ("url", "code", "type", "base", "expression", "target")
        if key in definition
    }
    if "component" in definition:
        record["component"] = [[c["definition"], c["expression"]] for c in definition["component"]]
    if not definition.get("multipleOr", True):
        record["multipleOr"] = False
    return record


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(records: dict[str, Any]) -> str:
    rows = ",\n".join(f"{_line(key)}:{_line(value)}" for key, value in records.items())
    return "{\n" + rows + "\n}"


def _write(path: Path, sections: list[tuple[str, str]]) -> None:
    body = ",\n".join(f'"{name}":{text}' for name, text in sections)
    path.write_text("{\n" + body + "\n}\n", encoding="utf-8")
