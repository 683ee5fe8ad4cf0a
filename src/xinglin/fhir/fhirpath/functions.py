"""The functions of FHIRPath by name: how many arguments, and what runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xinglin.fhir.fhirpath import (
    boundaries,
    conversion,
    iterating,
    numbers,
    resources,
    strings,
    subsets,
)
from xinglin.fhir.fhirpath.items import Collection, refused
from xinglin.fhir.fhirpath.narrative import html_checks
from xinglin.fhir.fhirpath.scope import Work
from xinglin.fhir.fhirpath.types import reflected


@dataclass(frozen=True, slots=True)
class Eager:
    """Its arguments are collections, evaluated before it."""

    run: Callable[..., Collection]
    least: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Lazy:
    """Its arguments are evaluated by itself, mostly once for each item."""

    run: Callable[..., Collection]
    least: int = 0
    most: int = 0


Function = Eager | Lazy


def _unable(name: str) -> Eager:
    """Needs terminology or profiles, which are not known where expressions are evaluated."""

    def run(_: Work, __: Collection, *___: Collection) -> Collection:
        raise refused("unable", "not-supported", name=name)

    return Eager(run, 0, 2)


_CONVERSIONS: Final = {
    "Boolean": conversion.boolean,
    "Integer": conversion.whole,
    "Decimal": conversion.exact,
    "Date": conversion.date,
    "DateTime": conversion.datetime,
    "Time": conversion.time,
    "String": conversion.text,
}

FUNCTIONS: Final[dict[str, Function]] = {
    # Existence
    "empty": Eager(subsets.empty),
    "exists": Lazy(iterating.exists, 0, 1),
    "all": Lazy(iterating.all_, 1, 1),
    "allTrue": Eager(subsets.all_true),
    "anyTrue": Eager(subsets.any_true),
    "allFalse": Eager(subsets.all_false),
    "anyFalse": Eager(subsets.any_false),
    "subsetOf": Eager(subsets.subset_of, 1, 1),
    "supersetOf": Eager(subsets.superset_of, 1, 1),
    "count": Eager(subsets.count),
    "distinct": Eager(subsets.distinct_),
    "isDistinct": Eager(subsets.is_distinct),
    "not": Eager(subsets.not_),
    # Filtering and projection
    "where": Lazy(iterating.where, 1, 1),
    "select": Lazy(iterating.select, 1, 1),
    "repeat": Lazy(iterating.repeat, 1, 1),
    "aggregate": Lazy(iterating.aggregate, 1, 2),
    # Subsetting and combining
    "single": Eager(subsets.single),
    "first": Eager(subsets.first),
    "last": Eager(subsets.last),
    "tail": Eager(subsets.tail),
    "skip": Eager(subsets.skip, 1, 1),
    "take": Eager(subsets.take, 1, 1),
    "intersect": Eager(subsets.intersect, 1, 1),
    "exclude": Eager(subsets.exclude, 1, 1),
    "union": Eager(subsets.union, 1, 1),
    "combine": Eager(subsets.combine, 1, 1),
    # Conversion
    "iif": Lazy(iterating.iif, 2, 3),
    **{f"to{name}": Eager(conversion.to(run)) for name, run in _CONVERSIONS.items()},
    **{f"convertsTo{name}": Eager(conversion.converts(run)) for name, run in _CONVERSIONS.items()},
    "toQuantity": Eager(conversion.to_quantity, 0, 1),
    "convertsToQuantity": Eager(conversion.converts_to_quantity, 0, 1),
    # Strings
    "indexOf": Eager(strings.index_of, 1, 1),
    "lastIndexOf": Eager(strings.last_index_of, 1, 1),
    "substring": Eager(strings.substring, 1, 2),
    "startsWith": Eager(strings.starts_with, 1, 1),
    "endsWith": Eager(strings.ends_with, 1, 1),
    "contains": Eager(strings.contains, 1, 1),
    "upper": Eager(strings.upper),
    "lower": Eager(strings.lower),
    "replace": Eager(strings.replace, 2, 2),
    "matches": Eager(strings.matches, 1, 1),
    "matchesFull": Eager(strings.matches_full, 1, 1),
    "replaceMatches": Eager(strings.replace_matches, 2, 2),
    "length": Eager(strings.length),
    "toChars": Eager(strings.to_chars),
    "encode": Eager(strings.encode, 1, 1),
    "decode": Eager(strings.decode, 1, 1),
    "escape": Eager(strings.escape, 1, 1),
    "unescape": Eager(strings.unescape, 1, 1),
    "trim": Eager(strings.trim),
    "split": Eager(strings.split, 1, 1),
    "join": Eager(strings.join, 0, 1),
    # Numbers
    "abs": Eager(numbers.abs_),
    "ceiling": Eager(numbers.ceiling),
    "exp": Eager(numbers.exp),
    "floor": Eager(numbers.floor),
    "ln": Eager(numbers.ln),
    "log": Eager(numbers.log, 1, 1),
    "power": Eager(numbers.power, 1, 1),
    "round": Eager(numbers.round_, 0, 1),
    "sqrt": Eager(numbers.sqrt),
    "truncate": Eager(numbers.truncate),
    # Precision
    "lowBoundary": Eager(boundaries.low, 0, 1),
    "highBoundary": Eager(boundaries.high, 0, 1),
    "precision": Eager(boundaries.precision),
    "comparable": Eager(boundaries.comparable, 1, 1),
    # Tree, clock, types
    "children": Eager(resources.children),
    "descendants": Eager(resources.descendants),
    "trace": Lazy(iterating.trace, 1, 2),
    "defineVariable": Lazy(iterating.define_variable, 1, 2),
    "now": Eager(resources.now),
    "today": Eager(resources.today),
    "timeOfDay": Eager(resources.time_of_day),
    "type": Eager(lambda _, source: reflected(source)),
    # FHIR R4
    "extension": Eager(resources.extension, 1, 1),
    "hasValue": Eager(resources.has_value),
    "getValue": Eager(resources.get_value),
    "resolve": Eager(resources.resolve),
    "conformsTo": Eager(resources.conforms_to, 1, 1),
    "checkModifiers": Eager(resources.check_modifiers, 1, 50),
    "htmlChecks": Eager(html_checks),
    "memberOf": _unable("memberOf"),
    "subsumes": _unable("subsumes"),
    "subsumedBy": _unable("subsumedBy"),
    "elementDefinition": _unable("elementDefinition"),
    "slice": _unable("slice"),
}
