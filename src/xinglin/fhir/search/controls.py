"""Parameters that shape the answer of a search (FHIR R4, Search, 3.1.1.6 "Managing returned
resources"): order, page, includes, summary."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from xinglin.fhir.r4 import model
from xinglin.fhir.search.refusals import refusal, unknown
from xinglin.fhir.search.terms import Reading
from xinglin.fhir.search.tree import Include, Sort

Summary = Literal["false", "true", "text", "data", "count"]
Total = Literal["none", "estimate", "accurate"]
_element_shape = re.compile(r"([A-Z][A-Za-z]*\.)?[a-z][A-Za-z0-9]*", re.ASCII).fullmatch


@dataclass(slots=True)
class Controls:
    """As far as they have been read."""

    count: int | None = None
    total: Total = "none"
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    sort: tuple[Sort, ...] = ()
    includes: list[Include] = field(default_factory=list)


def _one_of(reading: Reading, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise reading.wrong(value, "|".join(allowed))
    return value


def _count(reading: Reading, types: tuple[str, ...], value: str, into: Controls) -> None:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise reading.wrong(value, "unsignedInt")
    into.count = int(value)


def _total(reading: Reading, types: tuple[str, ...], value: str, into: Controls) -> None:
    into.total = cast(Total, _one_of(reading, value, ("none", "estimate", "accurate")))


def _summary(reading: Reading, types: tuple[str, ...], value: str, into: Controls) -> None:
    allowed = ("false", "true", "text", "data", "count")
    into.summary = cast(Summary, _one_of(reading, value, allowed))


def _elements(reading: Reading, types: tuple[str, ...], value: str, into: Controls) -> None:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    if not all(_element_shape(name) for name in names):
        raise reading.wrong(value, "elements")
    into.elements = names


def _sort(reading: Reading, types: tuple[str, ...], value: str, into: Controls) -> None:
    keys = [_key(reading, types, text) for text in value.split(",")]
    if len({key.parameter for key in keys}) < len(keys):
        raise refusal(reading.at, "invalid", "sort-twice")
    into.sort = tuple(keys)


def _key(reading: Reading, types: tuple[str, ...], text: str) -> Sort:
    code = text.removeprefix("-")
    # Keys of several types could not be compared, except the two that all resources share.
    if len(types) > 1 and code not in ("_id", "_lastUpdated"):
        raise refusal(reading.at, "not-supported", "sort-several-types", code=code)
    parameter = reading.registry.find(types[0], code)
    if parameter is None:
        raise unknown(reading.at, "unknown-parameter", code=code, type=types[0])
    if parameter.kind in ("composite", "special"):
        raise refusal(reading.at, "not-supported", "sort-kind", code=code)
    return Sort(parameter, descending=text.startswith("-"))


def include(
    reading: Reading, types: tuple[str, ...], modifier: str, value: str, *, reverse: bool
) -> list[Include]:
    """`_include` and `_revinclude`, `Type:parameter:Target`; `*` for any parameter."""
    if modifier not in ("", "iterate", "recurse"):
        raise refusal(reading.at, "invalid", "bad-modifier", modifier=modifier)
    iterate = bool(modifier)
    if value == "*" and not reverse:
        return [Include(each, None, None, iterate, reverse) for each in types]
    parts = value.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise reading.wrong(value, "Type:parameter:Target")
    source, code, target = (*parts, None)[:3]
    for name in (source, target):
        if name is not None and name not in model.RESOURCE_TYPES:
            raise refusal(reading.at, "value", "unknown-type", type=name)
    assert source and code  # noqa: S101  (for the type checker: all(parts))
    if code == "*":
        return [Include(source, None, target, iterate, reverse)]
    parameter = reading.registry.find(source, code)
    if parameter is None:
        raise unknown(reading.at, "unknown-parameter", code=code, type=source)
    if parameter.kind != "reference":
        raise refusal(reading.at, "invalid", "chain-without-reference", code=code)
    return [Include(source, parameter, target, iterate, reverse)]


# Each may be given once.
SINGLE: Final[dict[str, Callable[[Reading, tuple[str, ...], str, Controls], None]]] = {
    "_count": _count,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_sort": _sort,
}
