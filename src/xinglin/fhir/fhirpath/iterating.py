"""Functions that evaluate their argument once for each item (FHIRPath N1, sections 5.1, 5.2,
5.9 and 7; `sort` and `defineVariable` from the continuous build)."""

from __future__ import annotations

from functools import cmp_to_key

from xinglin.fhir.fhirpath.equality import Distinct, ordered
from xinglin.fhir.fhirpath.items import Collection, Thing, exposed, refused
from xinglin.fhir.fhirpath.scope import Run, Scope, only, string, truth


def where(scope: Scope, source: Collection, criterion: Run) -> Collection:
    scope.work.spend(len(source))
    inner = scope.inner(source)
    found: Collection = []
    for inner.index, thing in enumerate(source):
        inner.this, inner.variables = [thing], scope.variables
        if truth(criterion(inner)):
            found.append(thing)
    return found


def select(scope: Scope, source: Collection, projection: Run) -> Collection:
    inner = scope.inner(source)
    found: Collection = []
    for inner.index, thing in enumerate(source):
        inner.this, inner.variables = [thing], scope.variables
        one = projection(inner)
        scope.work.spend(1 + len(one))
        found += one
    return found


def repeat(scope: Scope, source: Collection, projection: Run) -> Collection:
    """Until nothing new is found."""
    found = Distinct(scope.work)
    todo = source
    while todo:
        todo = [one for one in select(scope, todo, projection) if found.add(one)]
    return found.items


def all_(scope: Scope, source: Collection, criterion: Run) -> Collection:
    return [len(where(scope, source, criterion)) == len(source)]


def exists(scope: Scope, source: Collection, *criterion: Run) -> Collection:
    return [bool(where(scope, source, *criterion) if criterion else source)]


def aggregate(scope: Scope, source: Collection, aggregator: Run, *start: Run) -> Collection:
    inner = scope.inner(source)
    inner.total = start[0](scope) if start else []
    for inner.index, thing in enumerate(source):
        inner.this, inner.variables = [thing], scope.variables
        inner.total = aggregator(inner)
        scope.work.spend(1 + len(inner.total))
    return inner.total


def iif(scope: Scope, source: Collection, test: Run, then: Run, *otherwise: Run) -> Collection:
    if len(source) > 1:
        raise refused("not-single", count=len(source))
    inner = scope.inner(source)
    if truth(test(inner)):
        return then(inner)
    return otherwise[0](inner) if otherwise else []


def trace(scope: Scope, source: Collection, name: Run, *projection: Run) -> Collection:
    label = string(name(scope))
    shown = select(scope, source, *projection) if projection else source
    if scope.work.trace is not None:
        scope.work.trace(label or "", [exposed(one) for one in shown])
    return source


def define_variable(scope: Scope, source: Collection, name: Run, *value: Run) -> Collection:
    label = string(name(scope))
    if label is None:
        raise refused("wrong-type", expected="String", found="{}")
    scope.define(label, value[0](scope.inner(source)) if value else source)
    return source


def sorted_by(scope: Scope, source: Collection, keys: list[tuple[Run, bool]]) -> Collection:
    """Each key with whether it descends; an item without the key comes first either way."""
    inner = scope.inner(source)
    rows: list[tuple[list[Thing | None], Thing]] = []
    for inner.index, thing in enumerate(source):
        inner.this, inner.variables = [thing], scope.variables
        rows.append(([only(key(inner)) for key, _ in keys], thing))

    def order(left: list[Thing | None], right: list[Thing | None]) -> int:
        scope.work.spend(1)
        for one, other, (_, descends) in zip(left, right, keys, strict=True):
            if one is None or other is None:
                answer = (one is not None) - (other is not None)
            else:
                answer = (ordered(one, other) or 0) * (-1 if descends else 1)
            if answer:
                return answer
        return 0

    ranks = cmp_to_key(order)
    return [thing for _, thing in sorted(rows, key=lambda row: ranks(row[0]))]
