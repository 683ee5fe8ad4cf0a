"""A record moves to another place, perhaps of another engine: its feed is replayed there.

The target holds at every moment a beginning of the source's feed, and nothing else; so a move
that was broken off goes on where it was, and a record that is served meanwhile is moved again to
catch up, and a last time when its server has stopped. With the versions go the search parameters
in force and the places of the feed's consumers. Jobs and their files are not in the record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from xinglin.fhir.outcome import Issue, Refused
from xinglin.store.face import Version
from xinglin.store.relational.database import Database, Row
from xinglin.store.relational.reindexing import IN_FORCE, TO_COME, definitions_of
from xinglin.store.relational.sides import Side
from xinglin.store.relational.store import RelationalStore
from xinglin.store.relational.work import Work

TOGETHER = 2000  # versions that are compared in one work

_END = "SELECT coalesce(max(seq), 0) FROM ver"
_NAME = """SELECT t.name, id_text(r.id), v.v FROM ver v CROSS JOIN res r CROSS JOIN type t
           WHERE v.seq = ? AND r.rid = v.rid AND t.rt = v.rt"""
_VERSIONS = """SELECT t.name, v.n FROM (SELECT rt, count(*) AS n FROM ver GROUP BY rt) AS v
               CROSS JOIN type t WHERE t.rt = v.rt"""
_LIVE = """SELECT t.name, r.n FROM (SELECT rt, count(*) AS n FROM res WHERE live = 1 GROUP BY rt)
           AS r CROSS JOIN type t WHERE t.rt = r.rt"""
_CURSORS = "SELECT name, seq FROM cursor ORDER BY name"

# Versions that are copied, of all; then those that are compared.
Progress = Callable[[int, int], None]
Read = Callable[[Side, int, int], dict[int, int]]


@dataclass(frozen=True, slots=True)
class Moved:
    copied: int  # versions, by this run
    versions: Mapping[str, int]  # of each type, in the source
    resources: Mapping[str, int]  # that are not deleted, likewise
    different: str | None  # what is not the same on both sides: a version, or a type


async def move(source: Database, target: RelationalStore, progress: Progress) -> Moved:
    """Bring the target to where the source is, which may be written meanwhile.

    Raises:
        Refused: the target holds something else, or somebody else is writing there; or other
            search parameters are just coming into force in the source; or a version of it was
            altered on its disk.
    """
    return await _Move(source, target, progress).run()


class _Move:
    def __init__(self, source: Database, target: RelationalStore, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._side = Side(source)

    async def run(self) -> Moved:
        begun = reached = await self._target.end()
        end = await asyncio.to_thread(self._end)
        different = None if reached > end else await self._different(reached, Side.kept)
        if reached > end or different is not None:
            given: dict[str, str | int] = {"version": different or str(end + 1)}
            raise Refused(Issue("conflict", "store.move-target-differs", given=given))
        await self._bring_parameters()
        reached = await self._copy(reached, end)
        # The rest, and what has no place in the feed, as they are at one moment.
        with self._source.snapshot():
            end = await asyncio.to_thread(self._end)
            await self._copy(reached, end)
            await self._bring_parameters()
            await self._bring_cursors()
            return await self._compared(end - begun, end)

    async def _copy(self, reached: int, end: int) -> int:
        """Replay up to `end`; what comes next is read while the target writes."""
        reading = asyncio.create_task(asyncio.to_thread(self._side.portion, reached, end))
        while versions := await reading:
            reached = versions[-1].seq
            reading = asyncio.create_task(asyncio.to_thread(self._side.portion, reached, end))
            try:
                await self._target.maintain(partial(_replay, versions))
            except BaseException:
                await reading  # the connection is about to be closed
                raise
            self._progress(reached, end)
        return reached

    def _end(self) -> int:
        [(end,)] = self._source.execute(_END)
        return int(end)

    async def _bring_parameters(self) -> None:
        if definitions_of(self._source, TO_COME) is not None:
            raise Refused(Issue("conflict", "store.move-while-reindexing"))
        wanted = definitions_of(self._source, IN_FORCE) or []
        there, coming = await self._target.maintain(_parameters)
        if coming is not None or (there or []) != wanted:
            async for _ in self._target.reindex(wanted):
                pass

    async def _bring_cursors(self) -> None:
        rows = self._source.execute(_CURSORS).fetchall()
        await self._target.maintain(partial(_keep_cursors, rows))

    async def _compared(self, copied: int, end: int) -> Moved:
        versions, resources = counts(self._source)
        there = await self._target.maintain(lambda work: counts(work.database))
        different = await self._different(end, Side.proved, self._progress)
        for name in sorted({*versions, *there[0]}):
            for here, other in zip((versions, resources), there, strict=True):
                if different is None and here.get(name) != other.get(name):
                    different = name
        return Moved(copied, versions, resources, different)

    async def _different(
        self, until: int, read: Read, progress: Progress = lambda done, of: None
    ) -> str | None:
        """The first version that is not the same on both sides, or not whole."""
        for after in range(0, until, TOGETHER):
            last = min(after + TOGETHER, until)
            here, there = await asyncio.gather(
                asyncio.to_thread(read, self._side, after, last),
                self._target.maintain(partial(_there, read, after, last)),
            )
            for seq in range(after + 1, last + 1):
                if here.get(seq) != there.get(seq) or seq not in here:
                    return self._name(seq)
            progress(last, until)
        return None

    def _name(self, seq: int) -> str:
        row = self._source.execute(_NAME, (seq,)).fetchone()
        return str(seq) if row is None else "{}/{}/_history/{}".format(*row)


def counts(database: Database) -> tuple[dict[str, int], dict[str, int]]:
    """By type: all versions, and the resources that are not deleted."""
    return dict(database.execute(_VERSIONS)), dict(database.execute(_LIVE))


def _there(read: Read, after: int, until: int, work: Work) -> dict[int, int]:
    return read(Side(work.database), after, until)


def _replay(versions: Sequence[Version], work: Work) -> None:
    if work.database.execute(_END).fetchone() != (versions[0].seq - 1,):
        raise Refused(Issue("conflict", "store.move-target-busy"))
    work.replay(versions)


def _parameters(work: Work) -> tuple[list[bytes] | None, list[bytes] | None]:
    return definitions_of(work.database, IN_FORCE), definitions_of(work.database, TO_COME)


def _keep_cursors(rows: Sequence[Row], work: Work) -> None:
    work.database.execute("DELETE FROM cursor")
    work.database.insert("cursor", ("name", "seq"), rows, fresh=True)
