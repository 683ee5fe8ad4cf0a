"""The index rows of one resource, from the values that its search parameters extract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from xinglin.fhir.search.entries import Entries, Entry
from xinglin.fhir.search.strings import normalise
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.keys import DAY_MS, NO_DATE, REFERENCE_SHIFT

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


class Numbers(Protocol):
    """Gives the numbers of what rows name; see `numbering.py`. One that it does not know yet
    is 0 and counts as `missing`, until `resolve`."""

    missing: int

    def term(self, p: int, code: str, system: str | None, text: str = "") -> int: ...

    def unit(self, system: str, code: str, unit: str) -> int: ...

    def resource(self, rt: int, id: str) -> int: ...

    def resolve(self) -> None: ...


@dataclass(slots=True)
class Rows:
    """All rows of one resource: by table, and three columns of its own row in `res`."""

    d: int
    span: int | None = None
    has: int = 0
    ix: list[Row] = field(default_factory=list)
    link: list[Row] = field(default_factory=list)
    dt: list[Row] = field(default_factory=list)
    pd: list[Row] = field(default_factory=list)
    qn: list[Row] = field(default_factory=list)
    st: list[Row] = field(default_factory=list)

    def extend(self, other: Rows) -> None:
        for table in COLUMNS:
            getattr(self, table).extend(getattr(other, table))


def index_rows(
    entries: Entries, catalogue: Catalogue, numbering: Numbers, rt: int, rid: int
) -> Rows:
    """The rows that make resource `rid` of type `rt` findable. While a number is
    missing (`Numbers.missing`) they are not right yet."""
    rows = Rows(NO_DATE if entries.clinical is None else entries.clinical)
    rows.ix.append((rt, rows.d, rid))
    _add_terms(rows, entries, catalogue, numbering, rid)
    _add_values(rows, entries, catalogue, numbering, rt, rid)
    for number, parts in entries.composites:
        rows.has |= catalogue.bit_of[number]
        _add_composite(rows, catalogue.p_of[number], parts, rid, catalogue, numbering)
    return rows


def _add_terms(
    rows: Rows, entries: Entries, catalogue: Catalogue, numbering: Numbers, rid: int
) -> None:
    """What is found by equality: tokens, displays, uris, references."""
    p_of, bit_of, term = catalogue.p_of, catalogue.bit_of, numbering.term
    ix, d, has = rows.ix, rows.d, 0
    texts = _texts(rows, entries, catalogue, rid)
    for number, system, code in entries.tokens:
        has |= bit_of[number]
        waiting = texts.get(number)
        text = waiting.pop() if waiting else ""
        ix.append((term(p_of[number], code, system, text), d, rid))
    for number, left in texts.items():
        ix += [(term(p_of[number], "", None, text), d, rid) for text in left]
    for number, uri in entries.uris:
        has |= bit_of[number]
        ix.append((term(p_of[number], uri, ""), d, rid))
    for number, type_name, id in entries.references:
        has |= bit_of[number]
        p = p_of[number]
        target = numbering.resource(catalogue.type_number[type_name], id)
        ix.append((p << REFERENCE_SHIFT | target, d, rid))
        rows.link.append((rid, p, target))
    rows.has |= has


def _add_values(
    rows: Rows, entries: Entries, catalogue: Catalogue, numbering: Numbers, rt: int, rid: int
) -> None:
    """What is found by range: dates, numbers, quantities (strings are kept by `_texts`)."""
    p_of, bit_of = catalogue.p_of, catalogue.bit_of
    clinical = catalogue.clinical.get(rt)
    has = 0
    for number, _ in entries.strings:
        has |= bit_of[number]
    for number, low, high in entries.dates:
        has |= bit_of[number]
        if high - low > DAY_MS:
            rows.pd.append((p_of[number], low, high, rid))
        elif number == clinical:
            rows.span = high - low
        else:
            rows.dt.append((p_of[number], low, high, rid))
    for number, value in entries.numbers:
        has |= bit_of[number]
        rows.qn.append((p_of[number], float(value), 0, rid))
    for number, value, system, code, unit in entries.quantities:
        has |= bit_of[number]
        rows.qn.append((p_of[number], float(value), numbering.unit(system, code, unit), rid))
    rows.has |= has


def _texts(rows: Rows, entries: Entries, catalogue: Catalogue, rid: int) -> dict[int, list[str]]:
    """Keeps the strings; gives the displays, by the parameter of their codes.

    A display shares the term of a code of the same parameter, whichever: the term says that
    the resource has both, and so one posting serves both. Displays repeat without end.
    """
    texts: dict[int, list[str]] = {}
    for number, text in entries.strings:
        coded = catalogue.texts.get(number)
        if coded is None:
            rows.st.append((catalogue.p_of[number], normalise(text), text, rid))
        else:
            texts.setdefault(coded.number, []).append(normalise(text))
    for each in texts.values():
        each.reverse()  # taken from the end, so that the first display meets the first code
    return texts


def _add_composite(
    rows: Rows,
    p: int,
    parts: tuple[Entry, ...],
    rid: int,
    catalogue: Catalogue,
    numbering: Numbers,
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
    elif kind == "reference" and len(values) == 1:  # an address elsewhere
        address = numbering.term(catalogue.p_of[other[0]], values[0], "")
        rows.qn.append((k, -float(address), 0, rid))
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
