"""transaction: all entries or none (FHIR R4, RESTful API, "Transaction Processing Rules").

First every entry gets its identity, so that links between entries can be made real, in
whatever direction they point; then each is carried out like a request of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


class _Id(msgspec.Struct):
    id: str | None = None


async def transaction(house: House, outer: Request, bundle: Bundle) -> Sequence[bytes]:
    """The answers, in the order of the entries. Refused as a whole where one entry is."""
    return await house.store.commit(lambda unit: _Run(house, outer, bundle, unit).answers())


class _Run:
    """One transaction, inside the commit that it is."""

    def __init__(self, house: House, outer: Request, bundle: Bundle, unit: Transaction) -> None:
        self._inside = replace(
            house,
            store=Within(house.registry, unit),
            new_id=lambda: self._assigned or house.new_id(),
            aside=at_once,
        )
        self._fresh = house.new_id
        self._assigned = ""  # the id that the entry at work was given beforehand
        self._outer = outer
        self._unit = unit
        self._written: set[tuple[str, str]] = set()
        self._answers = [b""] * len(bundle.entries)
        self._phases: list[list[_Step]] = [[] for _ in PHASES]
        headers = inherited(outer)
        for index, entry in enumerate(bundle.entries):
            with _in_entry(index):
                phase_of_entry = self._phases[phase(entry)]
                request = as_request(outer, entry, headers, entry.body)
                phase_of_entry.append(_Step(index, entry, request))

    def answers(self) -> Sequence[bytes]:
        deletes, posts, puts, gets = self._phases
        for step in deletes:
            self._carry_out(step)
        for step in posts + puts:
            with _in_entry(step.index):
                self._identify(step)
        links = Links(self._targets(posts + puts), self._referred)
        for step in posts + puts:
            with _in_entry(step.index):
                body = step.request.body
                step.request.body = links.replaced(body, step.type) if step.id else body
            self._carry_out(step)
        for step in gets:
            self._carry_out(step)
        return self._answers

    def _carry_out(self, step: _Step) -> None:
        self._assigned = step.id
        with _in_entry(step.index):
            response = run(self._inside.answer(self._inside, step.request))
            version = response.version
            if version is not None and step.request.method != "GET":
                # An earlier entry changed what this one's criteria find: the outcome would
                # depend on the order, and links to it already say something else.
                if step.id and version.id != step.id:
                    raise _overlap(version.type, version.id)
                self._claim(version.type, version.id)
            self._answers[step.index] = as_entry(step.request, response)

    def _claim(self, type: str, id: str) -> None:
        if (type, id) in self._written:
            raise _overlap(type, id)
        self._written.add((type, id))

    def _identify(self, step: _Step) -> None:
        """Which resource a create or update will have written; nothing of other entries."""
        request = step.request
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
            full_url = step.entry.full_url
            if full_url is None or not step.id:
                continue
            if full_url in targets:
                with _in_entry(step.index):
                    given: dict[str, str | int] = {"url": full_url}
                    raise Refused(Issue("invalid", "server.same-full-url", given=given))
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


@contextmanager
def _in_entry(index: int) -> Iterator[None]:
    """Say of every refusal inside which entry it belongs to."""
    try:
        yield
    except Refused as refused:
        raise placed(refused, index) from refused


def _overlap(type: str, id: str) -> Refused:
    issue = Issue("duplicate", "server.overlapping-entries", given={"type": type, "id": id})
    return Refused(issue, status=400)
