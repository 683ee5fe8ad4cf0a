"""Takes sources into a record: several at a time, each to its end or its first refusal.

A source that refers to resources by a condition (`Practitioner?identifier=…`) waits for those
before it that do not, and when it is refused is tried again after all others: what it needs
may have come since.
"""

from __future__ import annotations

import asyncio
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import zstandard

from xinglin.cli import language
from xinglin.cli.importing.results import Rejection, Summary, results
from xinglin.cli.importing.sources import Source
from xinglin.cli.importing.units import COMPLETE, Unit, units
from xinglin.cli.record.door import Answer, Door, Note
from xinglin.fhir.json import dump_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import outcome

AT_A_TIME: Final = 4  # sources

_BROKEN: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError)


@dataclass(frozen=True, slots=True)
class Wish:
    keep_ids: bool = False
    stop: bool = True  # at the first refusal
    split: bool = False  # a refused transaction is tried entry by entry
    again: bool = False  # also what an earlier run took in


class Intake:
    """`seen` is told of every source that ends, and of resources as they come in."""

    def __init__(
        self,
        door: Door,
        wish: Wish,
        report: Callable[[Rejection], None],
        seen: Callable[[Source | None, int], None],
    ) -> None:
        self.summary = Summary()
        self._door = door
        self._wish = wish
        self._report = report
        self._seen = seen
        self._postponed: list[tuple[Source, Rejection]] = []
        self._stopped = False

    async def run(self, sources: Sequence[Source]) -> Summary:
        """Raises: Unreachable."""
        await self._pass(sources)
        while self._postponed and not self._stopped:
            waiting, self._postponed = self._postponed, []
            await self._pass([source for source, _ in waiting])
            if len(self._postponed) == len(waiting):  # nothing came of it
                break
        for _, rejection in self._postponed:
            self._reject(rejection)
        if not self.summary.rejected and not self._stopped:
            await self._door.forget([source.key for source in sources])
        return self.summary

    async def _pass(self, sources: Sequence[Source]) -> None:
        running: set[asyncio.Task[None]] = set()
        before: list[asyncio.Event] = []
        try:
            for source in sources:
                if len(running) == AT_A_TIME:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                if self._stopped:
                    break
                before = [event for event in before if not event.is_set()]
                settled = asyncio.Event()
                running.add(asyncio.create_task(self._source(source, tuple(before), settled)))
                before.append(settled)
        finally:
            # What is under way may be in already: its end decides what is noted and counted.
            ended = await asyncio.gather(*running, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _source(
        self, source: Source, before: Sequence[asyncio.Event], settled: asyncio.Event
    ) -> None:
        self.summary.sources += 1
        try:
            key = source.key
            begin = 0 if self._wish.again else await self._door.reached(key)
            if begin >= COMPLETE:
                self.summary.skipped += 1
                return
            coming = units(source, begin, keep_ids=self._wish.keep_ids)
            while (unit := await asyncio.to_thread(next, coming, None)) is not None:
                if unit.depends and not settled.is_set():
                    settled.set()
                    for event in before:
                        await event.wait()
                if self._stopped:
                    return
                await self._unit(source, Note(key, unit.reached), unit)
        except Refused as refused:
            self._reject(_rejection(source, refused.issues[0]))
        except _BROKEN as error:
            given: dict[str, str | int] = {"reason": str(error)}
            self._reject(_rejection(source, Issue("structure", "cli.broken-file", given=given)))
        finally:
            settled.set()
            self._seen(source, 0)

    async def _unit(self, source: Source, note: Note, unit: Unit) -> None:
        for fault in unit.faults:
            self._reject(_rejection(source, fault.issue, fault.line))
        if self._stopped or not unit.bundle.entries:
            return
        answer = await self._door.submit("transaction", unit.text("transaction"), note)
        if _taken(answer):
            self._count(source, unit, answer)
            return
        rejection = Rejection(source.name, answer.status, _raw(answer.body))
        if unit.depends and unit.reached == COMPLETE:
            self._postponed.append((source, rejection))
        elif unit.origin == "transaction" and not self._wish.split:
            self._reject(rejection)
        else:
            apart = unit.apart()
            answer = await self._door.submit("batch", apart.text("batch"), note)
            if _taken(answer):
                self._count(source, apart, answer)
            else:
                self._reject(rejection)

    def _count(self, source: Source, unit: Unit, answer: Answer) -> None:
        summary = self.summary
        taken = 0
        for result in results(answer, list(unit.bundle.entries)):
            if result.status >= 400:
                request = unit.bundle.entries[result.entry].request
                rejection = Rejection(
                    source.name,
                    result.status,
                    _raw(result.outcome),
                    None if unit.lines else result.entry,
                    unit.lines[result.entry] if unit.lines else None,
                    f"{request.method} {request.url}" if request else None,
                )
                self._reject(rejection)
                continue
            taken += 1
            summary.types[result.type] += 1
            if result.status == 201:
                summary.created += 1
            else:
                summary.updated += 1
        self._seen(None, taken)

    def _reject(self, rejection: Rejection) -> None:
        self.summary.rejected += 1
        self._stopped = self._stopped or self._wish.stop
        self._report(rejection)


def _taken(answer: Answer) -> bool:
    return answer.status < 300


def _rejection(source: Source, issue: Issue, line: int | None = None) -> Rejection:
    text = dump_exact(outcome([issue], language()))
    return Rejection(source.name, 400, msgspec.Raw(text), line=line)


def _raw(body: bytes) -> msgspec.Raw:
    """The outcome as it came; what is no JSON, as a text."""
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return msgspec.Raw(msgspec.json.encode(body.decode(errors="replace")[:1000]))
    return msgspec.Raw(body)
