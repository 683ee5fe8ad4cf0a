"""Statements and answers over one connection, with as few ways there and back as possible.

Every statement is prepared when it is first used. A BEGIN waits for the statement behind it and
goes with it; the end of a snapshot is not waited for; and what only writes may be sent ahead.
All of this is libpq itself (psycopg's `pq`; PostgreSQL 15, 34.4 Asynchronous Command Processing
and 34.5 Pipeline Mode), whose calls take a third of the time of a cursor of psycopg. Other
threads go on while one waits here.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from xinglin.store.postgres.failures import failure
from xinglin.store.relational.database import Unreachable

STATEMENTS = 400  # that stay prepared
BINARY = 1

_PREPARABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)

Bound = tuple[int, bytes | None]  # the type of a value and its bytes
Key = tuple[str, tuple[int, ...]]  # a statement and the types of its values


class Conversation:
    """Every method may raise what `failures.py` says. `begin`: a BEGIN that has not been sent."""

    def __init__(self, libpq: PGconn) -> None:
        self._libpq = libpq
        libpq.nonblocking = 1  # so that sending ahead cannot end in waiting for one another
        self._readable = select.poll()
        self._readable.register(libpq.socket, select.POLLIN)
        self._movable = select.poll()
        self._movable.register(libpq.socket, select.POLLIN | select.POLLOUT)
        self.begin: str | None = None
        self._prepared: dict[Key, bytes] = {}  # the latest used last
        self._numbers = count()
        self._sent: list[Key | None] = []  # unanswered statements; what each prepares
        self._ending = False  # the end of a snapshot is unanswered
        self._copying = False  # and so is that of a COPY

    @property
    def in_transaction(self) -> bool:
        if self._ending:
            return False
        idle = self._libpq.transaction_status == TransactionStatus.IDLE
        return self.begin is not None or not idle

    def ask(self, text: str, values: Sequence[Bound] = ()) -> PGresult:
        """The answer to a statement, after those to all that were sent before it."""
        key = (text, tuple(oid for oid, _ in values))
        name = self._prepared.get(key)
        with self._talking():
            if name is None or self.begin is not None or self._sent or self._late:
                return self._ask_at_length(text, values)
            self._prepared[key] = self._prepared.pop(key)
            parameters: list[Any] = [value for _, value in values]
            formats = [BINARY] * len(parameters)
            return self._good(self._libpq.exec_prepared(name, parameters, formats, BINARY))

    def ask_hashing(self, text: str, values: Sequence[Bound]) -> PGresult:
        """The same, of a statement that joins a table of its own making: that has no index."""
        with self._talking():
            self._send("SET enable_hashjoin = on", ())
            self._send(text, values)
            self._send("SET enable_hashjoin = off", ())
            return self._answers()[-2]

    def send(self, text: str, values: Sequence[Bound] = ()) -> None:
        """Do not wait for the answer: it is taken in, and perhaps raised, later."""
        with self._talking():
            self._send(text, values)

    def settle(self) -> None:
        """Take in the answers to all that was sent."""
        with self._talking():
            if self._sent:
                self._answers()
            self._take_late()

    def end_snapshot(self) -> None:
        """Roll back without waiting for the answer, which says nothing."""
        if self.begin is not None:  # nothing was asked in it
            self.begin = None
        elif self._libpq.status == ConnStatus.OK:
            with self._talking():
                self._take_late()
                self._libpq.send_query(b"ROLLBACK")
                self._libpq.flush()
                self._ending = True

    def copy(self, text: str, blocks: Iterable[bytes]) -> None:
        """COPY … FROM STDIN. Nobody waits here until the server has taken in the last of it: as
        of what is sent, the answer comes, and perhaps is raised, later."""
        if self._sent or self.begin is not None:
            self.ask("SELECT 1")  # this cannot be sent behind anything
        libpq = self._libpq
        with self._talking():
            self._take_late()
            result = libpq.exec_(text.encode())
            if result.status != ExecStatus.COPY_IN:
                raise failure(libpq, result)
            for block in blocks:
                libpq.put_copy_data(block)
                self._flush()
            libpq.put_copy_end()
            self._flush()
            self._copying = True

    def _ask_at_length(self, text: str, values: Sequence[Bound]) -> PGresult:
        if text.startswith(_PREPARABLE) or self._sent:
            self._send(text, values)
            return self._answers()[-1]
        # Perhaps several statements at once, which only this form of sending allows.
        self._take_late()
        begin, self.begin = self.begin, None
        whole = text if begin is None else f"{begin}; {text}"
        return self._good(self._libpq.exec_(whole.encode()))

    def _send(self, text: str, values: Sequence[Bound]) -> None:
        if not self._sent:
            self._take_late()
            self._libpq.enter_pipeline_mode()
        if self.begin is not None:
            self._send_plain(self.begin)
            self.begin = None
        if not text.startswith(_PREPARABLE):
            self._send_plain(text)
            return
        key = (text, tuple(oid for oid, _ in values))
        name = self._prepared.pop(key, None) or self._send_new(key)
        self._prepared[key] = name
        parameters = [value for _, value in values]
        self._libpq.send_query_prepared(name, parameters, [BINARY] * len(parameters), BINARY)
        self._sent.append(None)

    def _send_plain(self, text: str) -> None:
        self._libpq.send_query_params(text.encode(), None)
        self._sent.append(None)

    def _send_new(self, key: Key) -> bytes:
        if len(self._prepared) >= STATEMENTS:
            oldest = next(iter(self._prepared))
            self._send_plain(f"DEALLOCATE {self._prepared.pop(oldest).decode()}")
        name = b"s%d" % next(self._numbers)
        self._libpq.send_prepare(name, key[0].encode(), key[1])
        self._sent.append(key)
        return name

    def _answers(self) -> list[PGresult]:
        libpq = self._libpq
        libpq.pipeline_sync()
        self._flush()
        sent, self._sent = self._sent, []
        results = [self._answer() for _ in sent]
        self._result()  # of the sync
        libpq.exit_pipeline_mode()
        for result in results:
            if result.status not in _DONE:
                for key in filter(None, sent):
                    self._prepared.pop(key, None)  # perhaps it was not even tried
                raise failure(libpq, result)
        return results

    def _answer(self) -> PGresult:
        result = self._result()
        if result is None:
            raise Unreachable("the connection broke")
        if self._libpq.status != ConnStatus.OK:
            raise failure(self._libpq, result)
        self._result()  # nothing more of this statement
        return result

    @property
    def _late(self) -> bool:
        return self._ending or self._copying

    def _take_late(self) -> None:
        if self._late:
            self._ending = self._copying = False
            for result in list(iter(self._result, None)):
                self._good(result)

    def _flush(self) -> None:
        """Wait until all is on its way; take in what comes meanwhile."""
        while self._libpq.flush():
            [(_, ready)] = self._movable.poll()
            if ready & ~select.POLLOUT:
                self._libpq.consume_input()

    def _result(self) -> PGresult | None:
        while self._libpq.is_busy():
            self._readable.poll()
            self._libpq.consume_input()
        return self._libpq.get_result()

    def _good(self, result: PGresult) -> PGresult:
        if result.status not in _DONE:
            raise failure(self._libpq, result)
        return result

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise  # the server said it
            raise Unreachable(str(error)) from error
