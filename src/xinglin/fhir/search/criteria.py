"""One criterion of a search, `name=value`, as a tree: modifiers, chains and `_has`
(FHIR R4, Search, 3.1.1.4 and 3.1.1.5).

In a search over several types all of them must have the parameter; the first stands for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from xinglin.fhir.r4 import model
from xinglin.fhir.search.parameters import Parameter
from xinglin.fhir.search.refusals import Unknown, refusal, unknown
from xinglin.fhir.search.terms import Reading, possible_types, terms
from xinglin.fhir.search.tree import (
    Chain,
    Everything,
    Has,
    Ids,
    InList,
    LastUpdated,
    Missing,
    Node,
    Not,
    Nothing,
    Or,
)
from xinglin.fhir.search.values import date_range, split, unescape

LINKS: Final = 8  # of one chain, `_has` included
_MODIFIERS: Final = {
    "token": frozenset(("not", "text", "of-type")),
    "string": frozenset(("exact", "contains")),
    "reference": frozenset(("identifier",)),
    "uri": frozenset(("above", "below")),
}
# Of the standard, but they need terminology or a hierarchy of resources.
_LATER: Final = {
    "token": frozenset(("in", "not-in", "above", "below")),
    "reference": frozenset(("above", "below")),
}


def criterion(
    reading: Reading, types: tuple[str, ...], name: str, value: str, links: int = 0
) -> Node:
    """What `name=value` asks of resources of these types.

    Raises:
        Unknown: one of the types has no such parameter.
        Refused: anything else that is wrong with it.
    """
    if links > LINKS:
        raise refusal(reading.at, "too-costly", "chain-too-long", limit=LINKS)
    if name.startswith("_has:"):
        return _has(reading, name, value, links)
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    if colon and not modifier:
        raise _bad_modifier(reading, "")
    if not dot and code in _SPECIAL:
        return _SPECIAL[code](reading, modifier or None, value)
    parameters = _parameters(reading, types, code)
    if dot:
        return _chain(reading, parameters, modifier or None, rest, value, links)
    return _plain(reading, parameters, modifier or None, value)


def any_of(nodes: Iterable[Node]) -> Node:
    """Any of the nodes, in the simplest form."""
    found: dict[Node, None] = {}
    for node in nodes:
        if isinstance(node, Everything):
            return node
        found |= dict.fromkeys(node.nodes if isinstance(node, Or) else (node,))
    found.pop(Nothing(), None)
    kept = tuple(found)
    if len(kept) == 1:
        return kept[0]
    return Or(kept) if kept else Nothing()


def _parameter(reading: Reading, resource: str, code: str) -> Parameter:
    found = reading.registry.find(resource, code)
    if found is None:
        raise unknown(reading.at, "unknown-parameter", code=code, type=resource)
    return found


def _parameters(reading: Reading, types: tuple[str, ...], code: str) -> tuple[Parameter, ...]:
    found = tuple(_parameter(reading, each, code) for each in types)
    if any(parameter.kind != found[0].kind for parameter in found):
        raise refusal(reading.at, "not-supported", "kinds-differ", code=code)
    return found


def _plain(
    reading: Reading, parameters: tuple[Parameter, ...], modifier: str | None, value: str
) -> Node:
    parameter = parameters[0]
    if parameter.union:
        return _united(reading, parameter, modifier, value)
    if modifier == "missing":
        return Missing(parameter, _truth(reading, value))
    targets = possible_types(parameters) if parameter.kind == "reference" else ()
    if modifier in targets:
        targets, modifier = (str(modifier),), None
    _check_modifier(reading, parameter.kind, modifier)
    inner = None if modifier == "not" else modifier
    node = any_of(
        leaf
        for text in split(value, ",")
        for leaf in terms(reading, parameter, inner, text, targets)
    )
    return Not(node) if modifier == "not" else node


def _united(reading: Reading, parameter: Parameter, modifier: str | None, value: str) -> Node:
    """What a union asks: any of its parts has it, or, in the negative, none of them."""
    if modifier == "not" or (modifier == "missing" and _truth(reading, value)):
        inner, value = (None, value) if modifier == "not" else (modifier, "false")
        return Not(_united(reading, parameter, inner, value))
    return any_of(_plain(reading, (part,), modifier, value) for part in parameter.union)


def _check_modifier(reading: Reading, kind: str, modifier: str | None) -> None:
    if modifier is None or modifier in _MODIFIERS.get(kind, ()):
        return
    if modifier in _LATER.get(kind, ()):
        raise refusal(reading.at, "not-supported", "modifier-not-supported", modifier=modifier)
    raise _bad_modifier(reading, modifier)


def _bad_modifier(reading: Reading, modifier: str) -> Exception:
    return refusal(reading.at, "invalid", "bad-modifier", modifier=modifier)


def _truth(reading: Reading, value: str) -> bool:
    if value not in ("true", "false"):
        raise reading.wrong(value, "boolean")
    return value == "true"


# Chains


def _chain(
    reading: Reading,
    parameters: tuple[Parameter, ...],
    modifier: str | None,
    rest: str,
    value: str,
    links: int,
) -> Node:
    """`subject:Patient.name=x`, or `subject.name=x` of each type that has a `name`."""
    parameter = parameters[0]
    if parameter.kind != "reference":
        raise refusal(reading.at, "invalid", "chain-without-reference", code=parameter.code)
    types = possible_types(parameters)
    if modifier:
        if modifier not in types:
            raise _bad_modifier(reading, modifier)
        types = (modifier,)
    found = []
    reason: Unknown | None = None
    for each in types:
        reading.spend()  # also where it leads nowhere: links over any type multiply
        try:
            where = criterion(reading, (each,), rest, value, links + 1)
        except Unknown as missing:
            reason = missing
        else:
            found.append(Chain(parameter, each, where))
    if not found and reason:
        raise reason
    return any_of(found)


def _has(reading: Reading, name: str, value: str, links: int) -> Node:
    """`_has:Observation:patient:code=x`: some Observation refers to it as `patient`."""
    parts = name.split(":", 3)
    if len(parts) < 4 or not all(parts):
        raise refusal(reading.at, "invalid", "bad-has")
    _, resource, code, rest = parts
    if resource not in model.RESOURCE_TYPES:
        raise refusal(reading.at, "value", "unknown-type", type=resource)
    parameter = _parameter(reading, resource, code)
    if parameter.kind != "reference":
        raise refusal(reading.at, "invalid", "chain-without-reference", code=code)
    return Has(parameter, criterion(reading, (resource,), rest, value, links + 1))


# Parameters that look at the resource as the store keeps it


def _id(reading: Reading, modifier: str | None, value: str) -> Node:
    if modifier == "missing":
        return Nothing() if _truth(reading, value) else Everything()
    if modifier not in (None, "not"):
        raise _bad_modifier(reading, modifier or "")
    ids = tuple(dict.fromkeys(unescape(text) for text in split(value, ",")))
    if not all(ids):
        raise refusal(reading.at, "value", "empty-value")
    for _ in ids:
        reading.spend()
    return Not(Ids(ids)) if modifier else Ids(ids)


def _last_updated(reading: Reading, modifier: str | None, value: str) -> Node:
    if modifier == "missing":
        return Nothing() if _truth(reading, value) else Everything()
    if modifier:
        raise _bad_modifier(reading, modifier)
    found = []
    for text in split(value, ","):
        reading.spend()
        try:
            found.append(LastUpdated(*date_range(text, reading.now_ms)))
        except ValueError:
            raise reading.wrong(text, "date") from None
    return any_of(found)


def _list(reading: Reading, modifier: str | None, value: str) -> Node:
    if modifier:
        raise _bad_modifier(reading, modifier)
    if value.startswith("$"):
        raise refusal(reading.at, "not-supported", "functional-list", value=value)
    found = []
    for text in split(value, ","):
        reading.spend()
        if not text or "/" in text.removeprefix("List/"):
            raise reading.wrong(text, "id")
        found.append(InList(text.removeprefix("List/")))
    return any_of(found)


_SPECIAL: Final[dict[str, Callable[[Reading, str | None, str], Node]]] = {
    "_id": _id,
    "_lastUpdated": _last_updated,
    "_list": _list,
}
