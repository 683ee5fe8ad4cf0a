"""The record in PostgreSQL (15 or later), for several server processes at once."""

from xinglin.store.postgres.store import PostgresStore, open_database, open_store

__all__ = ["PostgresStore", "open_database", "open_store"]
