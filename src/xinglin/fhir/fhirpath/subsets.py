"""Functions on whole collections: existence, subsetting, combining (FHIRPath N1, sections 5.1,
5.3, 5.4 and 6.4)."""

from __future__ import annotations

from xinglin.fhir.fhirpath.equality import distinct
from xinglin.fhir.fhirpath.items import Collection, refused, system
from xinglin.fhir.fhirpath.scope import Work, integer, truth


def empty(_: Work, source: Collection) -> Collection:
    return [not source]


def count(_: Work, source: Collection) -> Collection:
    return [len(source)]


def not_(_: Work, source: Collection) -> Collection:
    value = truth(source)
    return [] if value is None else [not value]


def _booleans(source: Collection) -> list[bool]:
    values = [system(one) for one in source]
    for value in values:
        if not isinstance(value, bool):
            raise refused("wrong-type", expected="Boolean", found=type(value).__name__)
    return [value is True for value in values]


def all_true(_: Work, source: Collection) -> Collection:
    return [all(_booleans(source))]


def any_true(_: Work, source: Collection) -> Collection:
    return [any(_booleans(source))]


def all_false(_: Work, source: Collection) -> Collection:
    return [not any(_booleans(source))]


def any_false(_: Work, source: Collection) -> Collection:
    return [not all(_booleans(source))]


def subset_of(work: Work, source: Collection, other: Collection) -> Collection:
    known = distinct(work, other)
    return [all(known.has(one) for one in source)]


def superset_of(work: Work, source: Collection, other: Collection) -> Collection:
    return subset_of(work, other, source)


def distinct_(work: Work, source: Collection) -> Collection:
    return distinct(work, source).items


def is_distinct(work: Work, source: Collection) -> Collection:
    return [len(distinct(work, source).items) == len(source)]


def single(_: Work, source: Collection) -> Collection:
    if len(source) > 1:
        raise refused("not-single", count=len(source))
    return source


def first(_: Work, source: Collection) -> Collection:
    return source[:1]


def last(_: Work, source: Collection) -> Collection:
    return source[-1:]


def tail(_: Work, source: Collection) -> Collection:
    return source[1:]


def skip(_: Work, source: Collection, number: Collection) -> Collection:
    return source[max(0, integer(number) or 0) :]


def take(_: Work, source: Collection, number: Collection) -> Collection:
    return source[: max(0, integer(number) or 0)]


def union(work: Work, source: Collection, other: Collection) -> Collection:
    return distinct(work, source + other).items


def combine(work: Work, source: Collection, other: Collection) -> Collection:
    work.spend(len(source) + len(other))
    return source + other


def intersect(work: Work, source: Collection, other: Collection) -> Collection:
    known = distinct(work, other)
    return [one for one in distinct(work, source).items if known.has(one)]


def exclude(work: Work, source: Collection, other: Collection) -> Collection:
    known = distinct(work, other)
    return [one for one in source if not known.has(one)]
