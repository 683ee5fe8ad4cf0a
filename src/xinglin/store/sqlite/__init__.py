"""The embedded engine: SQLite, one folder on disk, one process."""

from xinglin.store.relational.migrations import SchemaMismatch
from xinglin.store.sqlite.lock import FolderInUse
from xinglin.store.sqlite.store import SqliteStore, open_database, open_store

__all__ = ["FolderInUse", "SchemaMismatch", "SqliteStore", "open_database", "open_store"]
