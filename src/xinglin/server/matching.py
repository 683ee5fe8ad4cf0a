"""Whether a search would find a version that has just been read (FHIR R4, Search).

For who has the version in hand already: subscriptions and the filters of an export.
"""

from __future__ import annotations

from xinglin.fhir.resource import parse
from xinglin.fhir.search.evaluate import Subject, holds
from xinglin.fhir.search.extraction import Extractor
from xinglin.fhir.search.parameters import Parameter
from xinglin.fhir.search.tree import And, Everything, Ids, Node, Query, Reference
from xinglin.store.face import UNRESTRICTED, Store, Version


class Matching:
    """Of one store. What was extracted from a version is kept for the next question about it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._registry = store.registry
        self._extract = Extractor(self._registry)
        self._seq = 0
        self._subject: Subject | None = None

    def holds(self, where: Node, version: Version) -> bool:
        """False of a deletion."""
        if version.content is None:
            return False
        if isinstance(where, Everything):
            return True
        if self._registry is not self._store.registry:  # custom parameters came into force
            self._registry = self._store.registry
            self._extract = Extractor(self._registry)
        if self._subject is None or self._seq != version.seq:
            entries = self._extract(parse(version.content).value)
            self._subject = Subject(version.type, version.id, version.t // 1000, entries)
            self._seq = version.seq
        return holds(self._store.registry, where, self._subject, _Record(self._store))


class _Record:
    """The other resources, as they are now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def holds(self, type: str, id: str, where: Node) -> bool:
        return self._any(type, And((Ids((id,)), where)))

    def referred(self, parameter: Parameter, type: str, id: str, where: Node) -> bool:
        return self._any(parameter.resource, And((Reference(parameter, type, id), where)))

    def _any(self, type: str, where: Node) -> bool:
        return bool(self._store.search(UNRESTRICTED, Query((type,), where, count=1)).hits)
