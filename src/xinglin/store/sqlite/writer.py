"""The one writer: it takes the works that wait, commits them together, then answers them all.

Every work sees the record with the works before it, so all are serializable; and they share
one fsync, which is the dear part. When one fails, the group is run again work by work, and that
one is undone alone. `t` is the microsecond at which a group began, forced to increase; a group
begins in a later millisecond than the group before it, so a commit number never runs ahead of
the clock however busy the writer is.
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
from typing import Any

import apsw

from xinglin.store.sqlite.transaction import Ledger, Work

GROUP = 512  # works in one commit at most
LOG_PAGES = 4000  # of 4 KiB in the write-ahead log, before they are brought into the database
PATIENCE = 10  # looks at the clock before a group begins in the millisecond of the last


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Work], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = field(default=None)
    error: BaseException | None = None


class Writer:
    def __init__(self, open_ledger: Callable[[], Ledger], clock: Callable[[], int]) -> None:
        """`open_ledger` is called in the writer's own thread, where its connection lives."""
        self._clock = clock
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._entrance = threading.Lock()
        self._closed = False
        self._sound = True  # the ledger agrees with the database
        self.commits = 0
        self.log_is_long = False
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
            self._jobs.put(_Job(work, loop, answer))
        return await answer

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._entrance:
            self._closed = True
            self._jobs.put(None)  # and nothing is ever behind it
        self._thread.join()

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
        ledger.connection.close()

    def _serve_group(self, ledger: Ledger) -> bool:
        """False when the writer is to close. (Nothing of a group outlives this call: its works
        may hold large resources.)"""
        group, open_for_work = self._take()
        if group:
            self._commit_group(ledger, group)
            for loop in {job.loop for job in group}:
                mine = [job for job in group if job.loop is loop]
                with suppress(RuntimeError):  # who asked may be gone, and its loop closed
                    loop.call_soon_threadsafe(_settle, mine)
        return open_for_work

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
        run = ledger.connection.execute
        try:
            if not self._sound:
                if ledger.connection.in_transaction:
                    run("ROLLBACK")
                ledger.forget()
                self._sound = True
            t = self._next(ledger.t)
            # Nobody else writes, so the lock may wait for the first write: a group that only
            # looks costs no fsync, and is answered even when the disk is full.
            run("BEGIN")
            if not _together(ledger, group, t):
                run("BEGIN")
                for job in group:
                    _alone(ledger, job, t)
            run("COMMIT")
            ledger.t = t
            self.commits += 1
            self._tidy(ledger)
        except BaseException as error:  # noqa: BLE001  (an edge: every waiting caller hears it)
            # Nothing of the group is certain to be on disk, so nothing of it is acknowledged.
            # The next group starts again from what is: until then even reading may fail.
            self._sound = False
            for job in group:
                job.result, job.error = None, job.error or error

    def _tidy(self, ledger: Ledger) -> None:
        """Bring a long log into the database. It can begin anew only when nobody reads from
        it, so while it is long the readers' snapshots do not last (`log_is_long`)."""
        if ledger.log_pages >= LOG_PAGES:
            self.log_is_long = True
            ledger.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        else:
            self.log_is_long = False

    def _next(self, last: int) -> int:
        t = self._clock()
        for _ in range(PATIENCE):
            if t // 1000 != last // 1000:
                break
            time.sleep(0.0002)
            t = self._clock()
        return max(t, last + 1)  # the clock was set back, or stands still


def _together(ledger: Ledger, group: list[_Job], t: int) -> bool:
    """Run all works and write their rows together, which is the quick way. False when one of
    them failed: then nothing of any is kept."""
    try:
        for job in group:
            job.result = job.work(Work(ledger, t))
        ledger.keep()
    except Exception:  # noqa: BLE001  (it fails again when it is run alone, and is told then)
        if ledger.connection.in_transaction:  # a full disk may have ended it
            ledger.connection.execute("ROLLBACK")
        ledger.undo()
        return False
    return True


def _alone(ledger: Ledger, job: _Job, t: int) -> None:
    """Run one work so that its failure leaves no trace."""
    run = ledger.connection.execute
    run("SAVEPOINT work")
    try:
        job.result = job.work(Work(ledger, t))
        ledger.keep()
    except Exception as error:  # noqa: BLE001  (an edge: raised again where the work came from)
        job.error = error
        run("ROLLBACK TO work")
        ledger.undo()
    run("RELEASE work")


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.cancelled():
            continue
        if job.error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(job.error)
