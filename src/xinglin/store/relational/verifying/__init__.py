"""A record is read anew from its versions, and compared with all that it says of itself.

Every version is read and its hash computed again; every resource is extracted again, by the
search parameters in force, and the rows that this makes are compared with those of the index;
every counter is counted. Of one moment, whatever is written meanwhile, and in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from xinglin.fhir.search.parameters import standard
from xinglin.store.relational.catalogue import Catalogue
from xinglin.store.relational.database import Database
from xinglin.store.relational.reindexing import IN_FORCE, TO_COME, registry_of
from xinglin.store.relational.verifying.counters import counters
from xinglin.store.relational.verifying.feed import Feed
from xinglin.store.relational.verifying.findings import Finding, Kind, Tally
from xinglin.store.relational.verifying.index import Index
from xinglin.store.relational.verifying.rebuilding import rebuild

__all__ = ["Finding", "Kind", "Tally", "rebuild", "verify"]


def verify(database: Database, tally: Tally) -> Iterator[Finding]:
    """All that is wrong, as it is found; `tally` says how far the work is."""
    with database.snapshot():
        for finding in _all(database, tally):
            tally.found[finding.kind] += 1
            yield finding


def _all(database: Database, tally: Tally) -> Iterator[Finding]:
    unsound = database.unsound()
    for said in unsound:
        yield Finding("engine", what={"said": said})
    try:
        yield from _findings(database, tally)
    except Exception:
        if not unsound:
            raise  # else it could read no further, which is no wonder


def _findings(database: Database, tally: Tally) -> Iterator[Finding]:
    [(tally.of_versions,)] = database.execute("SELECT count(*) FROM ver")
    [(tally.of_resources,)] = database.execute("SELECT count(*) FROM res WHERE seq IS NOT NULL")
    types: dict[int, str] = dict(database.execute("SELECT rt, name FROM type").fetchall())
    feed = Feed(database, types, tally)
    yield from feed.findings()
    live = None
    catalogues, unnumbered = _catalogues(database)
    tally.reindexing = len(catalogues) > 1
    if unnumbered:
        yield Finding("parameter", what={"name": unnumbered})
    else:
        index = Index(database, catalogues, types, feed.misplaced, tally)
        yield from index.findings()
        live = index.live
    yield from counters(database, live, seq=feed.seq, t=feed.t)


def _catalogues(database: Database) -> tuple[list[Catalogue], str]:
    """By the parameters in force and, while others are being brought into force, by those; and
    the name of one that has no number yet."""
    registries = [registry_of(database, IN_FORCE) or standard()]
    to_come = registry_of(database, TO_COME)
    if to_come is not None:
        registries.append(to_come)
    try:
        return [Catalogue(database, each) for each in registries], ""
    except KeyError as unnumbered:
        return [], str(unnumbered.args[0])
