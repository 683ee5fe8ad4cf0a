"""Two durable PostgreSQL clusters, one of which follows the other synchronously, and what Patroni
does in its synchronous mode when the first one dies.

A commit is answered when the standby has it on disk as well. After a failover the new primary
works alone, until `rebuild` has made the dead one its standby. Both keep their ports.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg

from tests.kit.postgres import USER, Cluster, tell

_PATIENCE = 60  # seconds until the standby follows
_NAME = "standby"
_SETTINGS = {
    "wal_keep_size": "1GB",  # what is written while a copy is taken
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
}


class Pair:
    """Opened by `with Pair.open() as pair`; `primary` and `standby` change places."""

    def __init__(self, primary: Cluster, standby: Cluster) -> None:
        self.primary = primary
        self.standby = standby
        self._ports = (primary.port, standby.port)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        with (
            Cluster(durable=True, settings=_SETTINGS) as primary,
            Cluster(durable=True, settings=_SETTINGS) as standby,
        ):
            primary.start()
            pair = cls(primary, standby)
            pair._follow()
            yield pair

    def url(self, database: str = "postgres") -> str:
        """Leads to whichever is the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        wanted = "target_session_attrs=read-write&connect_timeout=3"
        return f"postgresql://{USER}@{hosts}/{database}?{wanted}"

    def fail_over(self) -> None:
        """The primary dies, and the standby takes its place; alone, so nothing waits for the dead.

        It loses nothing that was answered if the pair was whole: after `open` and `rebuild`.
        """
        assert self.standby.running
        self.primary.kill()
        self.primary, self.standby = self.standby, self.primary
        tell(self.primary.url(), f"SELECT pg_promote(true, {_PATIENCE})")

    def rebuild(self) -> None:
        """The dead one comes back as the standby, and the pair is whole again. By a copy of all:
        pg_rewind is quicker with large databases, and cannot always."""
        shutil.rmtree(self.standby.data)
        self._follow()

    def _follow(self) -> None:
        source = f"host=127.0.0.1 port={self.primary.port} user={USER} application_name={_NAME}"
        copy = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self.standby.run(
            "pg_basebackup", f"--dbname={source}", f"--pgdata={self.standby.data}", *copy
        )
        self.standby.start()
        # Only now, so that the copy does not wait for a standby of its own once it is promoted.
        tell(
            self.primary.url(),
            f"ALTER SYSTEM SET synchronous_standby_names = '{_NAME}'",
            "SELECT pg_reload_conf()",
        )
        self._wait("sync_state = 'sync'")
        # A checkpoint is made by the process that tells the others to wait for the standby, after
        # it has read the new setting. What was answered before without waiting must get there too.
        tell(self.primary.url(), "CHECKPOINT")
        with psycopg.connect(self.primary.url()) as connection:
            end = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert end is not None
        self._wait(f"flush_lsn >= '{end[0]}'")

    def _wait(self, condition: str) -> None:
        """Until the standby is seen so by the primary."""
        query = f"SELECT FROM pg_stat_replication WHERE {condition}"
        until = time.monotonic() + _PATIENCE
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            while not connection.execute(query.encode()).fetchall():
                assert time.monotonic() < until, f"the standby never came to {condition}"
                time.sleep(0.01)
