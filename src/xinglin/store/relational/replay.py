"""Versions that another record wrote are written again as they are: places in the feed, times and
numbers are theirs. What was superseded among them leaves no rows in the index, so that a long
history costs little more than its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.face import Version
from xinglin.store.relational.batch import Change, Indexed
from xinglin.store.relational.keys import pack_id
from xinglin.store.relational.ledger import Ledger, Mark, parsed
from xinglin.store.relational.sql import among
from xinglin.store.relational.versions import METHODS, content_hash, encode

_STATES = """SELECT r.rid, r.seq, r.v, r.live, r.d, r.span, r.has, v.dict, v.body
             FROM res r CROSS JOIN ver v WHERE v.seq = r.seq AND """

Name = tuple[int, str]  # type rt, id


@dataclass(slots=True, eq=False)
class _Resource:
    """One resource while its versions are written: what it was before, and all it was since."""

    rid: int
    seq: int = 0
    v: int = 0
    was_live: bool = False
    before: Sequence[Indexed] = ()
    dated: tuple[int, int | None, int] | None = None
    since: list[Indexed | None] = field(default_factory=list)


def replay(ledger: Ledger, versions: Sequence[Version]) -> None:
    """See `Work.replay`."""
    ledger.batch.flush()
    rt_of = ledger.catalogue.type_number
    names = {(rt_of[each.type], each.id): each.type for each in versions}
    resources = _resources(ledger, names)
    for version in versions:
        rt = rt_of[version.type]
        _append(ledger, rt, resources[rt, version.id], version)
    for (rt, _), resource in resources.items():
        _change(ledger, rt, resource)


def _resources(ledger: Ledger, names: dict[Name, str]) -> dict[Name, _Resource]:
    """As they are now; those that are not there get a number."""
    listed = list(names)
    keys = [(rt, pack_id(id)) for rt, id in listed]
    found = ledger.database.lookup("res", ("rt", "id"), "rid", keys)
    states = _states(ledger, [rid for rid in found if rid is not None])
    resources = {}
    for (rt, id), rid in zip(listed, found, strict=True):
        if rid is None:
            resources[rt, id] = _Resource(ledger.numbering.new_resource(rt, id))
            continue
        ledger.numbering.remember(rt, id, rid)
        resources[rt, id] = resource = _Resource(rid)
        if rid in states:
            seq, v, live, d, span, has, dictionary, packed = states[rid]
            resource.seq, resource.v, resource.dated = seq, v, (d, span, has)
            if live:
                stored = ledger.reads.versions.stored(dictionary, packed)
                resource.was_live = True
                resource.before = ledger.there(names[rt, id], id, stored)
    return resources


def _states(ledger: Ledger, rids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """Of those that have a version."""
    where = among("r.rid", rids)
    rows: Iterable[Any] = ledger.database.execute(_STATES + where.text, where.bindings)
    return {rid: state for rid, *state in rows}


def _append(ledger: Ledger, rt: int, resource: _Resource, version: Version) -> None:
    next_one = version.seq == ledger.seq + 1 and version.t >= ledger.t
    if not next_one or version.version != resource.v + 1:
        given: dict[str, str | int] = {
            "version": f"{version.type}/{version.id}/_history/{version.version}",
            "seq": version.seq,
            "expected": ledger.seq + 1,
        }
        raise Refused(Issue("conflict", "store.not-the-next-version", given=given))
    if resource.v:
        ledger.batch.superseded(resource.rid, resource.v, resource.seq)
    ledger.seq, ledger.t = version.seq, version.t
    resource.seq, resource.v = version.seq, version.version
    stored = None if version.body is None else encode(version.meta, version.body)
    type, id, t, method = version.type, version.id, version.t, version.method
    hash = content_hash(type, id, version.version, t, method, stored)
    row = [version.seq, t, rt, resource.rid, version.version, METHODS.index(method), hash]
    ledger.batch.version(row, stored)
    if ledger.mark is None:
        ledger.mark = Mark(version.seq, hash)
    indexed = None
    if stored is not None:
        indexed = (ledger.catalogue, ledger.extract(parsed(type, id, stored)))
    resource.since.append(indexed)


def _change(ledger: Ledger, rt: int, resource: _Resource) -> None:
    *passing, after = resource.since
    change = Change(
        rt,
        resource.rid,
        resource.seq,
        resource.v,
        int(after is not None),
        resource.before,
        after,
        resource.dated,
        passing,
    )
    ledger.batch.change(change, more=change.live - resource.was_live)
