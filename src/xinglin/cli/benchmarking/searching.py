"""Searches by kind of parameter, with values sampled from what was loaded, and some misses
(the recipe's search mix: string, date, reference, token, quantity, composite; `_count=50`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any
from urllib.parse import quote

from xinglin.cli.benchmarking.asking import Ask, Door
from xinglin.cli.benchmarking.ground import Ground

Json = dict[str, Any]

EACH = 60  # sampled values of each kind
_COUNT = "_count=50"

_MISSES = {
    "string": "Patient?family=Zzyzx",
    "date": "Patient?birthdate=1802-02-03",
    "reference": "Observation?subject=Patient/nobody-of-that-id",
    "token": "Observation?code=http://loinc.org|0-0",
    "quantity": "Observation?value-quantity=gt987654321",
    "composite": "Observation?code-value-quantity=http://loinc.org|0-0$gt1",
}


def mixed(door: Door, ground: Ground) -> list[Ask]:
    """All kinds in turn; one in ten of each finds nothing."""
    chance = Random(7)  # noqa: S311  (a sample, not a secret)
    kinds = []
    for kind, values in _KINDS.items():
        paths = list(dict.fromkeys(values(ground)))
        chosen = chance.sample(paths, min(EACH, len(paths)))
        found = [_search(door, kind, path, hit=True) for path in chosen]
        misses = [_search(door, kind, _MISSES[kind], hit=False)] * max(1, len(found) // 9)
        both = found + misses
        chance.shuffle(both)
        kinds.append(both)
    longest = max(map(len, kinds))
    return [kind[turn % len(kind)] for turn in range(longest) for kind in kinds]


def newest(door: Door, ground: Ground, most: int = 500) -> list[Ask]:
    """The newest 20 of one code of one patient: what a chart asks all day."""
    paths = dict.fromkeys(
        f"Observation?patient={patient}&code={_token(each)}&_sort=-date&_count=20"
        for _, each in ground.of("Observation")
        if (patient := ground.patient_of(each)) and _token(each)
    )
    return [replace(door.ask("", "GET", path), expected=b'"entry"') for path in islice(paths, most)]


def _search(door: Door, kind: str, path: str, *, hit: bool) -> Ask:
    ask = door.ask(kind, "GET", f"{quote(path, safe='?=&/')}&{_COUNT}")
    return replace(ask, expected=b'"entry"' if hit else b'"Bundle"')


def _strings(ground: Ground) -> Iterator[str]:
    for _, patient in ground.of("Patient"):
        for name in patient.get("name", ()):
            if name.get("family"):
                yield f"Patient?family={name['family']}"
            yield from (f"Patient?given={given}" for given in name.get("given", ()))


def _dates(ground: Ground) -> Iterator[str]:
    for _, patient in ground.of("Patient"):
        yield f"Patient?birthdate={patient['birthDate']}"
    for _, each in ground.of("Observation"):
        if when := each.get("effectiveDateTime"):
            # As it stands: its day alone may be another one in the server's time zone.
            yield f"Observation?date={when}"
            yield f"Observation?date=ge{when}"


def _references(ground: Ground) -> Iterator[str]:
    for type in ("Observation", "Encounter"):
        for _, each in ground.of(type):
            if patient := ground.patient_of(each):
                yield f"{type}?subject={patient}"


def _tokens(ground: Ground) -> Iterator[str]:
    for type in ("Observation", "Condition"):
        for _, each in ground.of(type):
            if token := _plain_token(each):
                yield f"{type}?code={token}"
    for _, patient in ground.of("Patient"):
        yield f"Patient?gender={patient['gender']}"


def _quantities(ground: Ground) -> Iterator[str]:
    for _, each in ground.of("Observation"):
        quantity = each.get("valueQuantity", {})
        if "value" in quantity and "code" in quantity:
            unit = f"{quantity.get('system', '')}|{quantity['code']}"
            yield f"Observation?value-quantity=ge{quantity['value']}|{unit}"


def _composites(ground: Ground) -> Iterator[str]:
    for _, each in ground.of("Observation"):
        token, quantity = _plain_token(each), each.get("valueQuantity", {})
        if token and "value" in quantity:
            yield f"Observation?code-value-quantity={token}$ge{quantity['value']}"


def _plain_token(resource: Json) -> str | None:
    for coding in resource.get("code", {}).get("coding", ()):
        if "system" in coding and "code" in coding:
            return f"{coding['system']}|{coding['code']}"
    return None


def _token(resource: Json) -> str | None:
    token = _plain_token(resource)
    return None if token is None else quote(token, safe="")


_KINDS: dict[str, Callable[[Ground], Iterator[str]]] = {
    "string": _strings,
    "date": _dates,
    "reference": _references,
    "token": _tokens,
    "quantity": _quantities,
    "composite": _composites,
}
