"""The workloads: what virtual users ask, and how many users there are.

Users, order and mix of `crud`, `import` and `search` are those of the public recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, cycle

import orjson

from xinglin.cli.benchmarking import searching, visit
from xinglin.cli.benchmarking.asking import Ask, Door, Script, Workload
from xinglin.cli.benchmarking.bundles import Packet
from xinglin.cli.benchmarking.ground import Ground, local
from xinglin.fhir.outcome import Issue, Refused

_BODIES = 1000  # different resources to read or to create, about


@dataclass(frozen=True, slots=True)
class Setting:
    """What a workload is made from."""

    door: Door
    ground: Ground
    packets: Sequence[Packet]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Every user goes round its own share of the requests."""

    asks: Sequence[Ask]

    def user(self, number: int, users: int) -> Script:
        own = self.asks[number::users] or [self.asks[number % len(self.asks)]]
        for ask in cycle(own):  # noqa: UP028  (`yield from` would send the answers to `cycle`)
            yield ask


@dataclass(frozen=True, slots=True)
class Visits:
    """Create the nine resources of a visit, read each, update each, delete each."""

    door: Door

    def user(self, number: int, users: int) -> Script:
        for visit_number in count(number, users):
            yield from self._visit(visit_number)

    def _visit(self, number: int) -> Script:
        ids: visit.Ids = {}
        made = []
        for resource in visit.resources(number, ids):
            type = resource["resourceType"]
            answer = yield self.door.ask("create", "POST", type, orjson.dumps(resource))
            if answer.status != 201:
                return
            at = local(answer.location)
            ids[type] = at.rpartition("/")[2]
            made.append((at, resource))
        for at, _ in made:
            yield self.door.ask("read", "GET", at)
        for at, resource in made:
            body = orjson.dumps(visit.changed(resource, at.rpartition("/")[2]))
            yield self.door.ask("update", "PUT", at, body)
        for at, _ in reversed(made):  # so that nothing is deleted that something refers to
            yield self.door.ask("delete", "DELETE", at, resources=0)


@dataclass(frozen=True, slots=True)
class Together:
    """Users of several workloads at the same time, in turn."""

    workloads: Sequence[Workload]

    def user(self, number: int, users: int) -> Script:
        kinds = len(self.workloads)
        return self.workloads[number % kinds].user(number // kinds, -(-users // kinds))


@dataclass(frozen=True, slots=True)
class Kind:
    """How a workload is made; None where too little was loaded for it."""

    users: int
    made: Callable[[Setting], Workload | None]


def _import(setting: Setting) -> Workload | None:
    if setting.ground.refusal:
        return None
    return Repeat(
        [
            setting.door.ask("", "POST", "", packet.text, resources=len(packet.entries))
            for packet in setting.packets
        ]
    )


def _read(setting: Setting) -> Workload:
    """Resources spread over all that was loaded."""
    known = list(setting.ground.known)
    step = max(1, len(known) // _BODIES)
    return Repeat([setting.door.ask("", "GET", at) for at in known[::step]])


def _newest(setting: Setting) -> Workload | None:
    asks = searching.newest(setting.door, setting.ground)
    return Repeat(asks) if asks else None


def _search(setting: Setting) -> Workload | None:
    return None if setting.ground.refusal else Repeat(searching.mixed(setting.door, setting.ground))


def _create(setting: Setting) -> Workload:
    texts = created(setting.ground)
    return Repeat([setting.door.ask("", "POST", "Observation", text) for text in texts])


def created(ground: Ground) -> list[bytes]:
    """Observations of those who are known, each of them another."""
    patients = [at for at, _ in ground.of("Patient")]
    return [
        orjson.dumps(visit.observation(patients[number % len(patients)], number))
        for number in range(_BODIES)
    ]


def _mixed(setting: Setting) -> Workload | None:
    """One writer to three readers: of resources, of charts, and of lists."""
    kinds = {"create": _create, "read": _read, "newest": _newest, "search": _search}
    found = []
    for name, made in kinds.items():
        workload = made(setting)
        if not isinstance(workload, Repeat):
            return None
        found.append(Repeat([replace(ask, what=name) for ask in workload.asks]))
    return Together(found)


KINDS = {
    "import": Kind(20, _import),
    "read": Kind(64, _read),
    "newest": Kind(64, _newest),
    "search": Kind(64, _search),
    "create": Kind(64, _create),
    "mixed": Kind(64, _mixed),
    "crud": Kind(300, lambda setting: Visits(setting.door)),
}


def chosen(names: Sequence[str] | None) -> list[str]:
    """Those named, in our order; all for none.

    Raises:
        Refused: there is no workload of such a name.
    """
    for name in names or ():
        if name not in KINDS:
            given: dict[str, str | int] = {"name": name, "known": ", ".join(KINDS)}
            raise Refused(Issue("value", "cli.bench-no-workload", at="--only", given=given))
    return [name for name in KINDS if not names or name in names]
