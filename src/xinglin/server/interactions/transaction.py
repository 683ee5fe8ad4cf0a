"""transaction: all entries or none (FHIR R4, RESTful API, "Transaction Processing Rules").

First every entry gets its identity, so that links between entries can be made real, in
whatever direction they point; then each is carried out like a request of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from xinglin.fhir.bundle import Bundle, Entry, Links, aliases
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.criteria import matches, one_match
from xinglin.server.entries import PHASES, as_entry, as_request, inherited, phase, placed
from xinglin.server.house import House
from xinglin.server.http import Request, pairs
from xinglin.server.routes import TYPES
from xinglin.server.within import Within, at_once, run
from xinglin.store.face import Transaction


@dataclass(slots=True)
class _Step:
    """One entry on its way. `id` is set where it will write, or finds, `type`/`id`."""

    index: int
    entry: Entry
    request: Request
    type: str = ""
    id: str = ""


class _Ids:
    """Gives the entry at work the id that it was assigned beforehand. An object of its own,
    because a run that referred to itself would stay in memory, with its whole bundle."""

    def __init__(self, fresh: Callable[[], str]) -> None:
        self._fresh = fresh
        self.assigned = ""

    def next(self) -> str:
        return self.assigned or self._fresh()


class _Id(msgspec.Struct):
    id: str | None = None


async def transaction(house: House, outer: Request, bundle: Bundle) -> Sequence[bytes]:
    """The answers, in the order of the entries. Refused as a whole where one entry is."""
    return await house.store.commit(lambda unit: _Run(house, outer, bundle, unit).answers())


class _Run:
    """One transaction, inside the commit that it is."""

    def __init__(self, house: House, outer: Request, bundle: Bundle, unit: Transaction) -> None:
        self._ids = _Ids(house.new_id)
        self._inside = replace(
            house,
            store=Within(house.registry, unit),
            new_id=self._ids.next,
            aside=at_once,
        )
        self._fresh = house.new_id
        self._at = 0  # index of the entry at work, to say where a refusal belongs
        self._outer = outer
        self._unit = unit
        self._written: set[tuple[str, str]] = set()
        self._answers = [b""] * len(bundle.entries)
        self._phases: list[list[_Step]] = [[] for _ in PHASES]
        self._entries = bundle.entries
        self._headers = inherited(outer)

    def answers(self) -> Sequence[bytes]:
        try:
            self._carry_out_all()
        except Refused as refused:
            raise placed(refused, self._at) from refused
        return self._answers

    def _carry_out_all(self) -> None:
        for index, entry in enumerate(self._entries):
            self._at = index
            request = as_request(self._outer, entry, self._headers, entry.body)
            self._phases[phase(entry)].append(_Step(index, entry, request))
        deletes, posts, puts, gets = self._phases
        for step in deletes:
            self._carry_out(step)
        written = posts + puts
        for step in written:
            self._identify(step)
        links = Links(self._targets(written), self._referred)
        ready, waiting = self._linked(written, links)
        for step in ready:
            self._carry_out(step)
        for step in waiting:
            self._link(step, links)
            self._carry_out(step)
        for step in gets:
            self._carry_out(step)

    def _linked(self, steps: Sequence[_Step], links: Links) -> tuple[list[_Step], list[_Step]]:
        """Those whose links are real now, and those that have to wait for what the others write:
        a conditional reference may be to a resource that is yet to be created."""
        ready, waiting = [], []
        for step in steps:
            try:
                self._link(step, links)
                ready.append(step)
            except Refused:
                waiting.append(step)
        return ready, waiting

    def _link(self, step: _Step, links: Links) -> None:
        self._at = step.index
        if step.id:
            step.request.body = links.replaced(step.request.body, step.type)

    def _carry_out(self, step: _Step) -> None:
        self._at, self._ids.assigned, request = step.index, step.id, step.request
        response = run(self._inside.answer(self._inside, request))
        version = response.version
        if version is not None and request.method != "GET":
            # An earlier entry changed what this one's criteria find: the outcome would depend
            # on the order, and links to it already say something else.
            if step.id and version.id != step.id:
                raise _overlap(version.type, version.id)
            self._claim(version.type, version.id)
        elif request.method == "DELETE" and len(request.segments) == 2:
            self._claim(*request.segments)  # even where there was nothing to delete
        self._answers[step.index] = as_entry(request, response)

    def _claim(self, type: str, id: str) -> None:
        if (type, id) in self._written:
            raise _overlap(type, id)
        self._written.add((type, id))

    def _identify(self, step: _Step) -> None:
        """Which resource a create or update will have written; nothing of other entries."""
        self._at, request = step.index, step.request
        match request.method, request.segments:
            case "POST", (type,) if type in TYPES:
                condition = request.header("if-none-exist")
                criteria = pairs(condition.removeprefix(f"{type}?")) if condition else []
                step.id = self._matched(type, criteria) or self._fresh()
            case "PUT", (type,) if type in TYPES:
                step.id = self._matched(type, request.query) or self._own_id(step) or self._fresh()
            case "PUT", (type, id):
                step.id = id
            case _:
                return
        step.type = type

    def _matched(self, type: str, criteria: Sequence[tuple[str, str]]) -> str | None:
        if not criteria:
            return None
        query = matches(self._inside, type, criteria, self._outer.base)
        match = one_match(self._unit, self._outer.reader, type, query)
        return match.id if match else None

    def _own_id(self, step: _Step) -> str | None:
        try:
            return msgspec.json.decode(step.request.body, type=_Id).id
        except msgspec.MsgspecError:  # whoever parses the whole says what is wrong with it
            return None

    def _targets(self, steps: Sequence[_Step]) -> dict[str, str]:
        """By what entries call one another, and what to call them now."""
        targets: dict[str, str] = {}
        for step in steps:
            self._at, full_url = step.index, step.entry.full_url
            if full_url is None or not step.id:
                continue
            if full_url in targets:
                raise Refused(Issue("invalid", "server.same-full-url", given={"url": full_url}))
            now = f"{step.type}/{step.id}"
            targets.update((alias, now) for alias in aliases(full_url) if alias != now)
        return targets

    def _referred(self, criteria: str) -> str:
        """The only resource that a conditional reference holds of."""
        type, _, query = criteria.partition("?")
        id = self._matched(type, pairs(query)) if type in TYPES else None
        if id is None:
            issue = Issue("not-found", "server.reference-unmatched", given={"criteria": criteria})
            raise Refused(issue, status=412)
        return f"{type}/{id}"


def _overlap(type: str, id: str) -> Refused:
    issue = Issue("duplicate", "server.overlapping-entries", given={"type": type, "id": id})
    return Refused(issue, status=400)
