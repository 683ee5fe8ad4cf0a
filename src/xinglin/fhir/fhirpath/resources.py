"""Functions that FHIR R4 adds, and those about the tree, the clock and types (FHIR R4, section
2.9.1.5; FHIRPath N1, sections 5.8, 8 and 10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from xinglin.fhir.dates import Date, DateTime, Time
from xinglin.fhir.fhirpath import navigate
from xinglin.fhir.fhirpath.items import (
    Atom,
    Collection,
    Item,
    Json,
    is_a,
    refused,
    resource_type,
    system,
)
from xinglin.fhir.fhirpath.scope import Work, only, string
from xinglin.fhir.r4 import model

_CORE: Final = "http://hl7.org/fhir/StructureDefinition/"


def children(work: Work, source: Collection) -> Collection:
    found: Collection = []
    for one in source:
        if isinstance(one, Item):
            found += navigate.children(one)
    work.spend(1 + len(found))
    return found


def descendants(work: Work, source: Collection) -> Collection:
    found: Collection = []
    level = source
    while level:
        level = children(work, level)
        found += level
    return found


def extension(_: Work, source: Collection, url: Collection) -> Collection:
    wanted = string(url)
    found: Collection = []
    for one in source:
        go = navigate.step(one.type, "extension") if isinstance(one, Item) else None
        if isinstance(one, Item) and go is not None:
            go(one, found)
    return [
        one
        for one in found
        if isinstance(one, Item) and isinstance(one.json, dict) and one.json.get("url") == wanted
    ]


def has_value(_: Work, source: Collection) -> Collection:
    return [bool(_value(source))]


def get_value(_: Work, source: Collection) -> Collection:
    return _value(source)


def _value(source: Collection) -> Collection:
    """The System value of a single primitive."""
    if len(source) != 1:
        return []
    [one] = source
    if isinstance(one, Item) and (one.json is None or not model.is_primitive(one.type)):
        return []
    return [system(one)]


def resolve(work: Work, source: Collection) -> Collection:
    """What references point at, where it can be found; `#id` is in the resource around."""
    found: Collection = []
    for one in source:
        work.spend(1)
        reference = _reference(one)
        if reference is None:
            continue
        home = one.home if isinstance(one, Item) else None
        target, around = _target(work, reference, home)
        name = resource_type(target) if isinstance(target, dict) else None
        if name is not None:
            found.append(Item(name, target, None, around or target))
    return found


def _reference(one: object) -> str | None:
    if isinstance(one, Item):
        json = one.json
        one = json.get("reference") if isinstance(json, dict) else json
    return one if isinstance(one, str) else None


def _target(work: Work, reference: str, home: Json) -> tuple[Json, Json]:
    if reference.startswith("#"):
        if reference == "#":
            return home, home
        contained = home.get("contained") if isinstance(home, dict) else None
        for one in contained if isinstance(contained, list) else []:
            if isinstance(one, dict) and one.get("id") == reference[1:]:
                return one, home
        return None, None
    target = _in_bundle(work, reference)
    if target is None and work.resolver is not None:
        target = work.resolver(reference)
    return target, None


def _in_bundle(work: Work, reference: str) -> Json:
    root = work.root[0] if work.root else None
    json = root.json if isinstance(root, Item) and root.type == "Bundle" else {}
    entries = json.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        work.spend(1)
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        local = f"{resource.get('resourceType')}/{resource.get('id')}"
        if reference in (entry.get("fullUrl"), local):
            return resource
    return None


def conforms_to(_: Work, source: Collection, profile: Collection) -> Collection:
    """Known profiles are those of the base types."""
    one, url = only(source), string(profile)
    if one is None or url is None:
        return []
    name = url.partition("|")[0].removeprefix(_CORE)
    if not url.startswith(_CORE) or not model.elements(name):
        raise refused("unknown-profile", "not-supported", profile=url[:200])
    return [isinstance(source[0], Item) and is_a(source[0].type, name)]


def check_modifiers(_: Work, source: Collection, *known: Collection) -> Collection:
    """Refused where an element has a modifier extension that the caller does not know."""
    urls = {string(one) for one in known}
    found: Collection = []
    for one in source:
        go = navigate.step(one.type, "modifierExtension") if isinstance(one, Item) else None
        if isinstance(one, Item) and go is not None:
            go(one, found)
    for one in found:
        url = one.json.get("url") if isinstance(one, Item) and isinstance(one.json, dict) else ""
        if url not in urls:
            raise refused("unknown-modifier", "not-supported", url=str(url)[:200])
    return source


def clock(read: Callable[[datetime], Atom]) -> Callable[[Work, Collection], Collection]:
    return lambda work, _: [read(work.clock())]


now: Final = clock(DateTime.of)
today: Final = clock(lambda moment: Date(moment.year, moment.month, moment.day))


def _time_of_day(moment: datetime) -> Time:
    at = DateTime.of(moment)
    return Time(moment.hour, moment.minute, at.second)


time_of_day: Final = clock(_time_of_day)
