"""The order of a search, and where in it a page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search import tree
from xinglin.fhir.search.parameters import Parameter
from xinglin.store.relational.conditions import Conditions
from xinglin.store.relational.keys import NO_DATE
from xinglin.store.relational.sql import FALSE, Binding, Sql

Integer = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]  # as the database has them


class Place(msgspec.Struct, array_like=True):
    """Behind which hit the next page begins, and the end of the feed at the first page."""

    snapshot: Integer
    after: list[Integer | float | str | None]

    def encode(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def read_place(cursor: str, keys: int) -> Place:
    """Raises: Refused when the text is no cursor of an order with so many keys."""
    try:
        found = msgspec.json.decode(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Place
        )
    except (binascii.Error, ValueError):
        found = None
    if found is None or len(found.after) != keys:
        raise Refused(Issue("value", "store.cursor-unknown", at="_cursor"))
    return found


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order: a column of the rows that are sorted. Nulls come last."""

    column: str
    descending: bool


Order = tuple[Key, ...]

# The order of the postings themselves, which needs no sorting.
NEWEST_FIRST: Order = (Key("d", descending=True), Key("rid", descending=True))
OLDEST_FIRST: Order = (Key("d", descending=False), Key("rid", descending=False))
# Of several types: by last update.
LAST_UPDATED: Order = (Key("s0", descending=True),)


def order_of(query: tree.Query) -> Order:
    """Sorted columns are s0, s1, …; `columns` says how each is found."""
    if not query.sort:
        return NEWEST_FIRST if len(query.types) == 1 else LAST_UPDATED
    if len(query.types) == 1 and len(query.sort) == 1 and query.sort[0].parameter.clinical:
        return NEWEST_FIRST if query.sort[0].descending else OLDEST_FIRST
    keys = [Key(f"s{at}", sort.descending) for at, sort in enumerate(query.sort)]
    return (*keys, Key("rid", descending=True))


def clause(order: Order) -> str:
    return ", ".join(f"{k.column} {'DESC' if k.descending else 'ASC'} NULLS LAST" for k in order)


def behind(order: Order, values: Sequence[Binding]) -> Sql:
    """Rows that come after the one with these values of the keys."""
    options: list[str] = []
    bindings: list[Binding] = []
    for at, (key, value) in enumerate(zip(order, values, strict=True)):
        if value is None:
            continue  # nothing comes after null but in a later key
        same = [f"{earlier.column} IS NOT DISTINCT FROM ?" for earlier in order[:at]]
        sign = "<" if key.descending else ">"
        options.append(" AND ".join([*same, f"({key.column} {sign} ? OR {key.column} IS NULL)"]))
        bindings += [*values[:at], value]
    if not options:
        return FALSE
    return Sql(" OR ".join(f"({option})" for option in options), tuple(bindings))


NO_JOIN = Sql("")


@dataclass(frozen=True, slots=True)
class Column:
    """A sorted column of the rows `a`: an expression, and what must be joined to say it."""

    expression: Sql
    join: Sql = NO_JOIN


def columns(conditions: Conditions, query: tree.Query, type: str) -> list[Column]:
    """The columns s0, s1, … of the rows of one type."""
    if query.sort:
        return [_column(conditions, sort, type, f"j{at}") for at, sort in enumerate(query.sort)]
    if len(query.types) == 1:
        return []
    return [Column(Sql("(SELECT seq FROM res WHERE rid = a.rid)"))]


_OWN = {
    "_lastUpdated": "(SELECT seq FROM res WHERE rid = a.rid)",
    "_id": "(SELECT id_text(id) FROM res WHERE rid = a.rid)",
}


def _column(conditions: Conditions, sort: tree.Sort, type: str, name: str) -> Column:
    parameter = conditions.own(sort.parameter, type)
    if parameter is None:
        return Column(Sql("NULL"))
    if parameter.code in _OWN:
        return Column(Sql(_OWN[parameter.code]))
    if parameter.clinical:
        return Column(Sql("nullif(a.d, ?)", (NO_DATE,)))
    best = "max" if sort.descending else "min"
    if parameter.union:
        parts = [
            _column(conditions, tree.Sort(part, sort.descending), type, f"{name}_{at}")
            for at, part in enumerate(parameter.union)
        ]
        return _best_of(best, parts)
    p = conditions.catalogue.p(parameter.kept)
    match parameter.kind:
        case "string":
            return Column(Sql(f"(SELECT {best}(norm) FROM st WHERE rid = a.rid AND k = ?)", (p,)))
        case "number" | "quantity":
            return Column(Sql(f"(SELECT {best}(v) FROM qn WHERE rid = a.rid AND k = ?)", (p,)))
        case "date":
            either = " UNION ALL ".join(
                f"SELECT lo FROM {table} WHERE rid = a.rid AND k = ?" for table in ("dt", "pd")
            )
            return Column(Sql(f"(SELECT {best}(lo) FROM ({either}) e)", (p, p)))
        case "token" | "uri":
            # Postings are found by term, not by resource: gather the parameter's once.
            gathered = (
                f" LEFT JOIN (SELECT ix.rid AS rid, {best}(t.code) AS code FROM term t"
                " CROSS JOIN ix WHERE ix.k = t.tid AND t.p = ? AND t.sys >= 0 GROUP BY ix.rid)"
                f" {name} ON {name}.rid = a.rid"
            )
            return Column(Sql(f"{name}.code"), Sql(gathered, (p,)))
        case "reference":
            return Column(_by_reference(best, p, parameter, conditions))
    raise Refused(
        Issue("not-supported", "store.sort-unsupported", at="_sort", given={"code": parameter.code})
    )


def _best_of(best: str, parts: Sequence[Column]) -> Column:
    either = " UNION ALL ".join(f"SELECT {part.expression.text} AS value" for part in parts)
    return Column(
        Sql(
            f"(SELECT {best}(value) FROM ({either}) e)",
            tuple(binding for part in parts for binding in part.expression.bindings),
        ),
        Sql(
            "".join(part.join.text for part in parts),
            tuple(binding for part in parts for binding in part.join.bindings),
        ),
    )


def _by_reference(best: str, p: int, parameter: Parameter, conditions: Conditions) -> Sql:
    text = (
        f"(SELECT {best}(t.name || '/' || id_text(r.id)) FROM link l"
        " CROSS JOIN res r CROSS JOIN type t"
        " WHERE r.rid = l.target AND t.rt = r.rt AND l.rid = a.rid AND l.p = ?"
    )
    if parameter.only is None:
        return Sql(text + ")", (p,))
    return Sql(text + " AND t.name = ?)", (p, parameter.only))
