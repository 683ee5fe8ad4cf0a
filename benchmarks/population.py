"""Any number of patients from a few: charts whose ids and links can be made anew by one
`replace`, so that a million resources are made as they are needed and never lie in memory.

Of each id that is copied the first eight digits are `MARK` until a copy is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Any

import orjson

from xinglin.cli.benchmarking.bundles import Packet

MARK = b"\x7f"  # in no JSON of ours

_LINK = re.compile(rb'"urn:uuid:([0-9a-f]{8}-[0-9a-f-]{27})"')
_CONDITIONAL = re.compile(rb'"([A-Z]\w+\?identifier=[^"]+)"')


class Population:
    """`founding` and `charts` are resources as JSON; a chart is all of one patient."""

    def __init__(self, founding: Sequence[Packet], charts: Sequence[Packet]) -> None:
        self._named: dict[bytes, bytes] = {}  # what a link says, to `Type/id`
        for packet in founding:
            for entry in packet.entries:
                self._name(entry, _founding_id(entry))
        self.founding = [
            _text(entry["resource"], _founding_id(entry))
            for packet in founding
            for entry in packet.entries
        ]
        self.charts = [self._chart(packet) for packet in charts]
        self._asked = [pair for packet in charts for pair in _observed(packet)]
        if not self._asked:
            raise ValueError("nobody among these has an observation to be asked for")
        self.size = sum(map(len, self.charts))  # resources in one round of copies

    def copies(self) -> Iterator[list[bytes]]:
        """Charts, without end: each round is of other people."""
        for number in count():
            for chart in self.charts:
                yield [_copied(text, number) for text in chart]

    def questions(self, copies: int, most: int, chance: Random) -> list[tuple[str, str]]:
        """Patient id and `system|code` of observations, from all copies alike."""
        chosen = [chance.choice(self._asked) for _ in range(most)]
        return [(_copied(id, chance.randrange(copies)).decode(), code) for id, code in chosen]

    def _chart(self, packet: Packet) -> list[bytes]:
        for entry in packet.entries:
            self._name(entry, _marked(entry))
        return [self._linked(_text(entry["resource"], _marked(entry))) for entry in packet.entries]

    def _name(self, entry: dict[str, Any], id: bytes) -> None:
        resource = entry["resource"]
        at = resource["resourceType"].encode() + b"/" + id
        self._named[entry["fullUrl"].removeprefix("urn:uuid:").encode()] = at
        for identifier in resource.get("identifier", ()):
            asked = f"{resource['resourceType']}?identifier={identifier.get('system', '')}|"
            self._named.setdefault((asked + identifier.get("value", "")).encode(), at)

    def _linked(self, text: bytes) -> bytes:
        """A link that nothing answers to stays as it is."""
        for link in (_LINK, _CONDITIONAL):
            text = link.sub(
                lambda found: (
                    b'"' + self._named[found[1]] + b'"' if found[1] in self._named else found[0]
                ),
                text,
            )
        return text


def _founding_id(entry: dict[str, Any]) -> bytes:
    return str(entry["resource"].get("id") or entry["fullUrl"].rpartition(":")[2]).encode()


def _marked(entry: dict[str, Any]) -> bytes:
    return MARK + str(entry["fullUrl"].rpartition(":")[2][8:]).encode()


def _copied(text: bytes, number: int) -> bytes:
    return text.replace(MARK, b"%08x" % number)


def _text(resource: dict[str, Any], id: bytes) -> bytes:
    # orjson would escape the mark, so it goes in afterwards.
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id")}
    head = b'{"resourceType":"%s","id":"%s",' % (resource["resourceType"].encode(), id)
    return head + orjson.dumps(rest)[1:]


def _observed(packet: Packet) -> Iterator[tuple[bytes, str]]:
    patients = [each for each in packet.entries if each["resource"]["resourceType"] == "Patient"]
    for resource in packet.resources:
        coding = resource.get("code", {}).get("coding", [{}])[0]
        if resource["resourceType"] == "Observation" and patients and "system" in coding:
            yield _marked(patients[0]), f"{coding['system']}|{coding['code']}"
