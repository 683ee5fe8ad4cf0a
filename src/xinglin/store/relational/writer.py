"""The one writer: it takes the works that wait, commits them together, then answers them all.

Every work sees the record with the works before it, so all are serializable; and they share
one fsync, which is the dear part. When one fails, the group is run again work by work, and that
one is undone alone. `t` is the microsecond at which a group began, forced to increase; a group
begins in a later millisecond than the group before it, so a commit number never runs ahead of
the clock however busy the writer is.

How a group gets the record to itself and onto the disk is the engine's affair, its `Lane`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from xinglin.store.relational.database import Busy, Unreachable
from xinglin.store.relational.ledger import Ledger, Mark
from xinglin.store.relational.work import Work

GROUP = 512  # works in one commit at most
LOOKS = 10  # at the clock before a group begins in the millisecond of the last
PAUSE = 0.2  # seconds between two attempts at a database that is not there


class Lane(Protocol):
    """How an engine lets one group write alone, and has it on disk when it is done."""

    patience: float  # seconds for which a group waits for a database that is not there
    turn: float  # … and for others who write, while the database is there

    @property
    def gone(self) -> bool:
        """Whether it has not been there for so long that nobody waits for it any more."""
        ...

    def begin(self, ledger: Ledger) -> None:
        """Begin the transaction of a group: nobody else writes until it ends."""
        ...

    def commit(self, ledger: Ledger) -> None:
        """End it; what it wrote is on disk. After an `Unreachable` nobody knows."""
        ...

    def recover(self, ledger: Ledger) -> None:
        """After a failure: begin again with what the database holds."""
        ...

    def told(self, error: BaseException) -> BaseException:
        """The failure of a group, as those who wait for it are told."""
        ...


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Work], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = field(default=None)
    error: BaseException | None = None
    refused: bool = False  # nobody waits for it any more


@dataclass(slots=True, eq=False)
class _Wait:
    """The writer can do nothing but wait: for its turn, or until a commit is answered."""

    patience: float
    error: Exception  # for whom that is too long
    waited: float = 0.0  # seconds, as far as looks tell


class Writer:
    def __init__(
        self, open_ledger: Callable[[], Ledger], lane: Lane, clock: Callable[[], int]
    ) -> None:
        """`open_ledger` is called in the writer's own thread, where its connection lives."""
        self._lane = lane
        self._clock = clock
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._entrance = threading.Lock()
        self._closed = False
        self._sound = True  # the ledger agrees with the database
        self._doubt: Mark | None = None  # of a group whose COMMIT was never answered
        self._lost: float | None = None  # since when the database is not there
        self._group: list[_Job] = []
        self._wait: _Wait | None = None
        self.commits = 0
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(open_ledger, ready), name="writer", daemon=True
        )
        self._thread.start()
        ready.result()

    async def commit(self, work: Callable[[Work], Any]) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        with self._entrance:
            if self._closed:
                raise RuntimeError("the store is closed")
            if error := self._given_up():
                raise self._lane.told(error)
            self._jobs.put(_Job(work, loop, answer))
        return await answer

    def close(self, patience: float | None = None) -> None:
        """Finish what waits, then stop. With `patience` (seconds) only wait for so long until that
        is done."""
        with self._entrance:
            self._closed = True
            self._jobs.put(None)  # and no work is ever behind it
        self._thread.join(patience)

    def _serve(self, open_ledger: Callable[[], Ledger], ready: Future[None]) -> None:
        try:
            ledger = open_ledger()
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            ready.set_exception(error)
            return
        ready.set_result(None)
        open_for_work = True
        while open_for_work:
            open_for_work = self._serve_group(ledger)
        ledger.database.close()

    def _serve_group(self, ledger: Ledger) -> bool:
        """False when the writer is to close. (Nothing of a group outlives this call: its works
        may hold large resources.)"""
        group, open_for_work = self._take()
        if group:
            self._group = group
            self._commit_group(ledger, group)
            self._group = []
            for job in group:
                job.error = job.error and self._lane.told(job.error)
            _tell(group)
        return open_for_work

    def _given_up(self) -> Exception | None:
        """Why nobody waits any more, if so."""
        if self._lane.gone:
            return _unanswered()
        wait = self._wait
        return wait.error if wait is not None and wait.waited > wait.patience else None

    def look(self, seconds: float) -> None:
        """To be called every so many seconds. (So while this process itself is held up, nobody is
        blamed for it.) Tell those who wait for too long. What is under way may yet be committed;
        what was not begun never will be."""
        with self._entrance:  # so the writer cannot begin with what is refused here
            if (wait := self._wait) is not None:
                wait.waited += seconds
            if (cause := self._given_up()) is None:
                return
            jobs = [*self._group]
            with suppress(Empty):
                while (job := self._jobs.get_nowait()) is not None:
                    jobs.append(job)
                self._jobs.put(None)  # it was to close, and still is
            for job in jobs:
                job.refused = True
        error = self._lane.told(cause)
        _tell([_Job(job.work, job.loop, job.answer, error=error) for job in jobs])

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for work, and take all that waits; False when the writer is to close."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _commit_group(self, ledger: Ledger, group: list[_Job]) -> None:
        self._doubt = None
        while True:
            try:
                self._attempt(ledger, group)
            except BaseException as error:  # noqa: BLE001  (an edge: every waiting caller hears it)
                # Nothing of the group is certain to be on disk, so nothing of it is
                # acknowledged, and the next attempt starts again from what is.
                self._sound = False
                self._wait = None
                if isinstance(error, Unreachable) and self._waits():
                    continue
                for job in group:
                    job.result, job.error = None, job.error or error
            else:
                self._lost = None
            return

    def _waits(self) -> bool:
        """Whether to try again at a database that is not there; it was until just now."""
        now = time.monotonic()
        if self._lost is None:
            self._lost = now
        time.sleep(PAUSE)
        return now - self._lost < self._lane.patience and not self._lane.gone

    def _attempt(self, ledger: Ledger, group: list[_Job]) -> None:
        if not self._sound:
            self._lane.recover(ledger)
            self._sound = True
        self._begin(ledger, group)
        if self._doubt is not None and ledger.holds(self._doubt):
            ledger.database.execute("ROLLBACK")
            return  # it was committed after all, and its results are as they were
        self._doubt = ledger.mark = None
        t = self._next(ledger.t)
        for job in group:
            job.result = job.error = None
        if not _together(ledger, group, t):
            self._begin(ledger, group)
            t = self._next(ledger.t)  # others may have written in between
            for job in group:
                _alone(ledger, job, t)
        ledger.store()
        self._doubt = ledger.mark
        self._wait = _Wait(self._lane.patience, _unanswered())
        self._lane.commit(ledger)
        self._wait = self._doubt = None
        self.commits += 1

    def _begin(self, ledger: Ledger, group: list[_Job]) -> None:
        late = Busy("others write") if self._doubt is None else _unanswered()
        self._wait = _Wait(self._lane.turn, late)
        self._lane.begin(ledger)
        with self._entrance:
            self._wait = None
            group[:] = [job for job in group if not job.refused]

    def _next(self, last: int) -> int:
        t = self._clock()
        for _ in range(LOOKS):
            if t // 1000 != last // 1000:
                break
            time.sleep(0.0002)
            t = self._clock()
        return max(t, last + 1)  # the clock was set back, or stands still


def _unanswered() -> Unreachable:
    return Unreachable("the database does not answer")


def _together(ledger: Ledger, group: list[_Job], t: int) -> bool:
    """Run all works and write their rows together, which is the quick way. False when one of
    them failed: then nothing of any is kept."""
    try:
        for job in group:
            job.result = job.work(Work(ledger, t))
        ledger.keep()
    except Unreachable:
        raise
    except Exception:  # noqa: BLE001  (it fails again when it is run alone, and is told then)
        if ledger.database.in_transaction:  # a full disk may have ended it
            ledger.database.execute("ROLLBACK")
        ledger.undo()
        return False
    return True


def _alone(ledger: Ledger, job: _Job, t: int) -> None:
    """Run one work so that its failure leaves no trace."""
    run = ledger.database.execute
    run("SAVEPOINT work")
    try:
        job.result = job.work(Work(ledger, t))
        ledger.keep()
    except Unreachable:
        raise
    except Exception as error:  # noqa: BLE001  (an edge: raised again where the work came from)
        job.error = error
        run("ROLLBACK TO work")
        ledger.undo()
    run("RELEASE work")


def _tell(jobs: list[_Job]) -> None:
    for loop in {job.loop for job in jobs}:
        mine = [job for job in jobs if job.loop is loop]
        with suppress(RuntimeError):  # who asked may be gone, and its loop closed
            loop.call_soon_threadsafe(_settle, mine)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.done():
            continue
        if job.error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(job.error)
