"""Leaves of the tree as conditions on the rows that hold their values.

Each function gives the condition on one row of the table, without saying whose row it is: the
same serves as a probe (`rid = …`) and as the start of a plan.
"""

from __future__ import annotations

import re
from decimal import Decimal

from xinglin.fhir import ucum
from xinglin.fhir.search import tree
from xinglin.fhir.search.strings import normalise
from xinglin.store.relational.keys import DAY_MS
from xinglin.store.relational.names import Names
from xinglin.store.relational.sql import FALSE, Sql, among, both, either

UCUM = "http://unitsofmeasure.org"
LAST = "\U0010ffff"  # sorts after every text that begins alike


def on_string(leaf: tree.String) -> Sql:
    """A row of `st`."""
    if leaf.mode == "exact":
        return Sql("norm = ? AND raw = ?", (normalise(leaf.text), leaf.text))
    text = normalise(leaf.text)
    if leaf.mode == "contains":
        return Sql("instr(norm, ?) > 0", (text,))
    return Sql("norm >= ? AND norm < ?", (text, text + LAST))


def on_clinical_date(leaf: tree.Date) -> Sql:
    """A row of `res`: the short clinical date of a resource."""
    dated = on_date(leaf, short=True)
    text = re.sub(r"\blo\b", "d", re.sub(r"\bhi\b", "d + span", dated.text))
    return both((Sql("span IS NOT NULL"), Sql(text, dated.bindings)))


def start_of_clinical_date(leaf: tree.Date, *, short: bool) -> tuple[int | None, int | None]:
    """Between which milliseconds a clinical date must begin (None: open) for the leaf to hold.
    `short`: none is longer than a day."""
    low, high = leaf.low, leaf.high
    after = None if not short else min(low, high - DAY_MS)
    match leaf.prefix:
        case "eq":
            return low, high
        case "lt" | "eb":
            return None, low - 1
        case "le":
            return None, high
        case "sa":
            return high + 1, None
        case "gt" | "ge":
            return after, None
        case "ap":
            return None if not short else low - DAY_MS, high
    return None, None


def on_date(leaf: tree.Date, *, short: bool) -> Sql:
    """A row of `dt` (`short`: no longer than a day) or of `pd`.

    In `dt` a bound on the end is also given as one on the start, by which the table is sorted.
    """
    low, high = leaf.low, leaf.high
    within = Sql("lo >= ? AND hi <= ?", (low, high))
    match leaf.prefix:
        case "eq":
            return within
        case "ne":
            return Sql("(lo < ? OR hi > ?)", (low, high))
        case "lt":
            return Sql("lo < ?", (low,))
        case "le":
            return Sql("(lo < ? OR (lo >= ? AND hi <= ?)) AND lo <= ?", (low, low, high, high))
        case "sa":
            return Sql("lo > ?", (high,))
        case "eb":
            return Sql("hi < ? AND lo < ?", (low, low))
        case "gt":
            condition = Sql("hi > ?", (high,))
            start = high - DAY_MS
        case "ge":
            condition = either((Sql("hi > ?", (high,)), within))
            start = min(low, high - DAY_MS)
        case "ap":
            condition = Sql("hi >= ? AND lo <= ?", (low, high))
            start = low - DAY_MS
    return both((condition, Sql("lo >= ?", (start,)))) if short else condition


def on_number(leaf: tree.Number) -> Sql:
    """A row of `qn` without a unit."""
    return _bounds(leaf.prefix, leaf.value, leaf.low, leaf.high)


def on_quantity(leaf: tree.Quantity, names: Names) -> Sql:
    """A row of `qn`: the searched range, converted into each unit in use that it fits."""
    if leaf.code is None and leaf.system is None:
        return _bounds(leaf.prefix, leaf.value, leaf.low, leaf.high)
    exact: list[int] = []
    converted: list[Sql] = []
    canonical = _canonical(leaf.code) if leaf.system == UCUM and leaf.code else None
    for u, system, code, unit in names.units():
        if _same(leaf, system, code, unit):
            exact.append(u)
        elif canonical is not None and system == UCUM:
            there = _canonical(code)
            if there is not None and there.unit == canonical.unit:
                bounds = (
                    there.back(canonical.to(value)) for value in (leaf.value, leaf.low, leaf.high)
                )
                converted.append(both((Sql("u = ?", (u,)), _bounds(leaf.prefix, *bounds))))
    same = among("u", exact)
    if same != FALSE:
        same = both((same, _bounds(leaf.prefix, leaf.value, leaf.low, leaf.high)))
    return either((same, *converted))


def _same(leaf: tree.Quantity, system: str, code: str, unit: str) -> bool:
    if leaf.system is None:
        return leaf.code in (code, unit)
    return leaf.system == system and leaf.code in (None, code)


class _Scale:
    """How a unit lies to its canonical unit: canonical = value * factor + offset."""

    def __init__(self, unit: str, factor: Decimal, offset: Decimal) -> None:
        self.unit, self._factor, self._offset = unit, factor, offset

    def to(self, value: Decimal) -> Decimal:
        return value * self._factor + self._offset

    def back(self, canonical: Decimal) -> Decimal:
        return (canonical - self._offset) / self._factor


def _canonical(code: str) -> _Scale | None:
    zero, one = ucum.canonical(Decimal(0), code), ucum.canonical(Decimal(1), code)
    if zero is None or one is None:
        return None
    return _Scale(one[1], one[0] - zero[0], zero[0])


def _bounds(prefix: tree.Prefix, value: Decimal, low: Decimal, high: Decimal) -> Sql:
    match prefix:
        case "eq":
            return Sql("v >= ? AND v < ?", (float(low), float(high)))
        case "ne":
            return Sql("(v < ? OR v >= ?)", (float(low), float(high)))
        case "ap":
            return Sql("v >= ? AND v <= ?", (float(low), float(high)))
        case "gt" | "sa":
            return Sql("v > ?", (float(value),))
        case "lt" | "eb":
            return Sql("v < ?", (float(value),))
        case "ge":
            return Sql("v >= ?", (float(value),))
        case "le":
            return Sql("v <= ?", (float(value),))
