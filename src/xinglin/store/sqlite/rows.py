"""The index rows of one resource, from the values that its search parameters extract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xinglin.fhir.search.entries import Entries, Entry
from xinglin.fhir.search.strings import normalise
from xinglin.store.sqlite.names import Catalogue, Numbering
from xinglin.store.sqlite.schema import DAY_MS, NO_DATE, REFERENCE_SHIFT

# `table: columns` in the order of their primary keys; `rid` is among them.
COLUMNS = {
    "ix": ("k", "d", "rid"),
    "link": ("rid", "p", "target"),
    "dt": ("k", "lo", "hi", "rid"),
    "pd": ("k", "lo", "hi", "rid"),
    "qn": ("k", "v", "u", "rid"),
    "st": ("k", "norm", "raw", "rid"),
}

Row = tuple[Any, ...]


@dataclass(slots=True)
class Rows:
    """All rows of one resource: by table, and the two columns of its own row in `res`."""

    d: int
    has: int = 0
    ix: list[Row] = field(default_factory=list)
    link: list[Row] = field(default_factory=list)
    dt: list[Row] = field(default_factory=list)
    pd: list[Row] = field(default_factory=list)
    qn: list[Row] = field(default_factory=list)
    st: list[Row] = field(default_factory=list)


def index_rows(
    entries: Entries, catalogue: Catalogue, numbering: Numbering, rt: int, rid: int
) -> Rows:
    """The rows that make resource `rid` of type `rt` findable. Makes the terms and the targets
    that have no number yet."""
    d = NO_DATE if entries.clinical is None else entries.clinical
    rows = Rows(d)
    p_of, bit_of, term = catalogue.p_of, catalogue.bit_of, numbering.term
    has = 0
    ix = rows.ix
    ix.append((rt, d, rid))
    for number, system, code in entries.tokens:
        has |= bit_of[number]
        ix.append((term(p_of[number], code, system), d, rid))
    for number, uri in entries.uris:
        has |= bit_of[number]
        ix.append((term(p_of[number], uri, ""), d, rid))
    for number, type_name, id in entries.references:
        has |= bit_of[number]
        p = p_of[number]
        target = numbering.resource(catalogue.type_number[type_name], id)
        ix.append((p << REFERENCE_SHIFT | target, d, rid))
        rows.link.append((rid, p, target))
    for number, text in entries.strings:
        has |= bit_of[number]
        if number in catalogue.texts:
            # Displays repeat without end: as terms they cost a posting, not their letters.
            ix.append((term(p_of[number], normalise(text), ""), d, rid))
            continue
        rows.st.append((p_of[number], normalise(text), text, rid))
    for number, low, high in entries.dates:
        has |= bit_of[number]
        (rows.dt if high - low <= DAY_MS else rows.pd).append((p_of[number], low, high, rid))
    for number, value in entries.numbers:
        has |= bit_of[number]
        rows.qn.append((p_of[number], float(value), 0, rid))
    for number, value, system, code, unit in entries.quantities:
        has |= bit_of[number]
        u = numbering.unit(system, code, unit)
        rows.qn.append((p_of[number], float(value), u, rid))
    for number, parts in entries.composites:
        has |= bit_of[number]
        _add_composite(rows, p_of[number], parts, rid, catalogue, numbering)
    rows.has = has
    return rows


def _add_composite(
    rows: Rows,
    p: int,
    parts: tuple[Entry, ...],
    rid: int,
    catalogue: Catalogue,
    numbering: Numbering,
) -> None:
    """A composite is kept under its first token, so that the other part is a plain value."""
    kinds = [catalogue.registry.numbered[part[0]].kind for part in parts]
    anchor = kinds.index("token")
    named: Any = parts[anchor]
    _, system, code = named
    k = numbering.term(p, code, system)
    other, kind = parts[1 - anchor], kinds[1 - anchor]
    values: Any = other[1:]
    if kind == "token":
        second = numbering.term(catalogue.p_of[other[0]], values[1], values[0])
        rows.qn.append((k, float(second), 0, rid))
    elif kind == "reference":
        target = numbering.resource(catalogue.type_number[values[0]], values[1])
        rows.qn.append((k, float(target), 0, rid))
    elif kind == "string":
        rows.st.append((k, normalise(values[0]), values[0], rid))
    elif kind == "date":
        low, high = values
        (rows.dt if high - low <= DAY_MS else rows.pd).append((k, low, high, rid))
    elif kind == "number":
        rows.qn.append((k, float(values[0]), 0, rid))
    elif kind == "quantity":
        value, system, code, unit = values
        rows.qn.append((k, float(value), numbering.unit(system, code, unit), rid))
