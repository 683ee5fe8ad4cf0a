"""The resources that the oracle looks at: all that a server holds, as it gives them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx

Resource = dict[str, Any]


class AnswerError(Exception):
    """The server answered a read or search with something else than a bundle."""


class Corpus:
    """Current resources by `Type/id`."""

    def __init__(self, resources: list[Resource]) -> None:
        self.resources = {key(each): each for each in resources}
        self._by_type: dict[str, list[Resource]] = {}
        for each in resources:
            self._by_type.setdefault(each["resourceType"], []).append(each)

    def of(self, *types: str) -> list[Resource]:
        """All resources of some types, or of every type."""
        return [each for type in types or self.types for each in self._by_type.get(type, [])]

    @property
    def types(self) -> list[str]:
        return sorted(self._by_type)

    def find(self, reference: str) -> Resource | None:
        return self.resources.get(reference)


def key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def pages(fhir: httpx.Client, address: str) -> Iterator[Resource]:
    """The bundles of a search or history, following the `next` links."""
    asked: str | None = address
    while asked is not None:
        response = fhir.get(asked)
        if response.status_code != 200:
            raise AnswerError(f"{response.status_code} {response.text}")
        bundle = json.loads(response.content, parse_float=Decimal)
        yield bundle
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        asked = links.get("next")


def read_back(fhir: httpx.Client) -> Corpus:
    """Everything that a server holds, from its history rather than by a search."""
    newest: dict[str, Resource | None] = {}
    for bundle in pages(fhir, "_history?_count=1000"):
        for entry in bundle.get("entry", []):
            address = "/".join(entry["request"]["url"].split("/")[:2])
            held = entry.get("resource")
            newest.setdefault(key(held) if held else address, held)
    return Corpus([each for each in newest.values() if each])
