"""From an element to its children (FHIRPath N1, sections 3.1 and 5.8; FHIR R4, JSON 2.6.2:
choice elements, `_` beside primitives).

One step is looked up in the R4 model once for a type and a name, and is then a closure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from xinglin.fhir.fhirpath.items import Collection, Item, Json, resource_type, system, system_reader
from xinglin.fhir.r4 import model

Step = Callable[[Item, Collection], None]  # appends the children to the collection


def json_key(name: str, type_name: str) -> str:
    """`value` as a dateTime is `valueDateTime` in JSON."""
    return name + type_name[0].upper() + type_name[1:]


@lru_cache(maxsize=8192)
def step(type_name: str, name: str) -> Step | None:
    """How to go from an element of this type to its children of this name; None where the
    type has no such element."""
    if model.is_primitive(type_name):
        return _of_primitive(type_name, name)
    element = model.element(type_name, name)
    if element is None:
        return None
    if element.choice:
        return _choice([(json_key(name, one), one) for one in element.types])
    [only] = element.types[:1]
    if only == "Resource" or model.is_resource(only):
        return _resources(name)
    return _primitive(name, only) if model.is_primitive(only) else _complex(name, only)


def _complex(key: str, type_name: str) -> Step:
    def go(item: Item, found: Collection) -> None:
        json = item.json
        if json.__class__ is not dict or (value := json.get(key)) is None:
            return
        home = item.home
        if value.__class__ is list:
            for one in value:
                found.append(Item(type_name, one, None, home))
        else:
            found.append(Item(type_name, value, None, home))

    return go


def _primitive(key: str, type_name: str) -> Step:
    beside = f"_{key}"

    def go(item: Item, found: Collection) -> None:
        json = item.json
        if json.__class__ is not dict:
            return
        value, extra = json.get(key), json.get(beside)
        if value is None and extra is None:
            return
        if extra is None and value.__class__ is list:
            home = item.home
            for one in value:
                if one is not None:
                    found.append(Item(type_name, one, None, home))
        elif value.__class__ is list or extra.__class__ is list:
            for one, more in _paired(value, extra):
                found.append(Item(type_name, one, more, item.home))
        else:
            found.append(Item(type_name, value, extra, item.home))

    return go


def _paired(values: Json, extras: Json) -> Iterator[tuple[Json, Json]]:
    """`["a", null]` beside `[null, {…}]`."""
    values = values if isinstance(values, list) else []
    extras = extras if isinstance(extras, list) else []
    for at in range(max(len(values), len(extras))):
        value = values[at] if at < len(values) else None
        extra = extras[at] if at < len(extras) else None
        if value is not None or extra is not None:
            yield value, extra


def _choice(keys: list[tuple[str, str]]) -> Step:
    steps = {
        sign + key: (_primitive if model.is_primitive(one) else _complex)(key, one)
        for key, one in keys
        for sign in ("", "_")
    }

    def go(item: Item, found: Collection) -> None:
        if item.json.__class__ is not dict:
            return
        for key in item.json:
            if (known := steps.get(key)) is not None:
                known(item, found)
                return  # a choice has one value, and `_value…` belongs to the same

    return go


def _resources(key: str) -> Step:
    def go(item: Item, found: Collection) -> None:
        if item.json.__class__ is not dict:
            return
        value = item.json.get(key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                # A contained resource shares the references of the one around it.
                home = item.home if key == "contained" else one
                found.append(Item(resource_type(one) or "Resource", one, None, home))

    return go


def _of_primitive(type_name: str, name: str) -> Step | None:
    if name == "value":
        return _value if system_reader(type_name) else None
    if name == "id":
        return _beside(_primitive("id", "string"))
    if name == "extension":
        return _beside(_complex("extension", "Extension"))
    return None


def _value(item: Item, found: Collection) -> None:
    if item.json is not None:
        found.append(system(item))


def _beside(inner: Step) -> Step:
    def go(item: Item, found: Collection) -> None:
        inner(Item("Element", item.extra, None, item.home), found)

    return go


def children(item: Item) -> Collection:
    """All direct children, in the order of the JSON."""
    found: Collection = []
    if model.is_primitive(item.type):
        for name in ("id", "extension"):
            go = step(item.type, name)
            if go is not None:
                go(item, found)
        return found
    if not isinstance(item.json, dict):
        return found
    done: set[str] = set()
    for key in item.json:
        child = element_name(item.type, key.removeprefix("_"))
        if child is not None and child not in done:
            done.add(child)
            go = step(item.type, child)
            if go is not None:
                go(item, found)
    return found


@lru_cache(maxsize=8192)
def element_name(type_name: str, key: str) -> str | None:
    """The element that a JSON key writes: `valueDateTime` is of `value`."""
    element = model.element(type_name, key)
    if element is not None and not element.choice:
        return key
    for end in range(len(key) - 1, 0, -1):
        if key[end].isupper():
            element = model.element(type_name, key[:end])
            if element is not None and element.choice:
                known = any(json_key(key[:end], one) == key for one in element.types)
                return key[:end] if known else None
    return None
