"""Every resource of the Synthea patients is valid R4, and comes out of the record as it went in."""

from __future__ import annotations

import bz2
from collections.abc import Iterator

import msgspec

from tests.kit.outside import data
from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.r4 import model
from xinglin.fhir.resource import assemble, parse


class _Entry(msgspec.Struct):
    resource: msgspec.Raw


class _Bundle(msgspec.Struct):
    entry: list[_Entry]


def _bundles() -> Iterator[bytes]:
    for file in sorted(data("synthea").glob("*.json.bz2")):
        yield bz2.decompress(file.read_bytes())


def _without_what_the_server_gives(resource: bytes) -> bytes:
    """The members but for id, versionId and lastUpdated, each number with its digits."""
    document = parse_exact(resource)
    document.pop("id", None)
    meta = document.pop("meta", {})
    document["meta"] = {k: v for k, v in meta.items() if k not in {"versionId", "lastUpdated"}}
    return dump_exact(document)


def test_every_resource_is_accepted_and_comes_out_as_it_went_in() -> None:
    seen: set[str] = set()
    for bundle in _bundles():
        for entry in msgspec.json.decode(bundle, type=_Bundle).entry:
            original = bytes(entry.resource)
            parsed = parse(original)
            again = assemble(
                parsed.type, "a", "7", "2026-01-01T00:00:00Z", parsed.meta, parsed.body
            )
            assert _without_what_the_server_gives(again) == _without_what_the_server_gives(original)
            seen.add(parsed.type)
    assert len(seen) > 15
    assert seen <= set(model.RESOURCE_TYPES)


def test_whole_bundles_are_accepted_with_all_that_is_in_them() -> None:
    for bundle in list(_bundles())[::16]:
        assert parse(bundle, expected="Bundle").type == "Bundle"
