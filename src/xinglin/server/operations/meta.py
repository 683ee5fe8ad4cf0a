"""$meta, $meta-add, $meta-delete: profiles, tags and security labels
(FHIR R4, Resource, operations meta, meta-add and meta-delete).

Of a type or of the whole record the answer is every label in use. That reads each resource, so
it is refused where there are too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from xinglin.fhir.json import Json, dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.resource import parse
from xinglin.fhir.search.tree import Everything, Query
from xinglin.server.answers import found
from xinglin.server.conditions import check_match
from xinglin.server.declare import Operation
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Request, Response
from xinglin.server.operations.parameters import parameters
from xinglin.store.face import Transaction, Version

MOST_READ: Final = 100_000  # resources

_LISTS: Final = ("profile", "security", "tag")
_PAGE: Final = 500

Meta = dict[str, Json]
Change = Callable[[Meta, Meta], Meta]


async def meta(house: House, request: Request, at: Target) -> Response:
    if at.id:
        version = await house.store.read(request.reader, at.type, at.id)
        return _answer(_meta(found(version, at.type, at.id)[1]))
    return _answer(await _in_use(house, request, (at.type,) if at.type else ()))


async def meta_add(house: House, request: Request, at: Target) -> Response:
    return await _changed(house, request, at, added)


async def meta_delete(house: House, request: Request, at: Target) -> Response:
    return await _changed(house, request, at, removed)


def added(meta: Meta, given: Meta) -> Meta:
    """Labels that are there already stay as they are: the display may differ.

    >>> added({"tag": [{"code": "a"}]}, {"tag": [{"code": "a", "display": "A"}, {"code": "b"}]})
    {'tag': [{'code': 'a'}, {'code': 'b'}]}
    """
    result = dict(meta)
    for name in _LISTS:
        labels = {_identity(label): label for label in meta.get(name, ())}
        for label in given.get(name, ()):
            labels.setdefault(_identity(label), label)
        if labels:
            result[name] = list(labels.values())
    return result


def removed(meta: Meta, given: Meta) -> Meta:
    """
    >>> removed({"tag": [{"code": "a"}], "source": "#1"}, {"tag": [{"code": "a"}]})
    {'source': '#1'}
    """
    result = dict(meta)
    for name in _LISTS:
        gone = {_identity(label) for label in given.get(name, ())}
        kept = [label for label in result.pop(name, ()) if _identity(label) not in gone]
        if kept:
            result[name] = kept
    return result


def _identity(label: Json) -> Json:
    """Codings are the same label by system and code, profiles by their URL."""
    if isinstance(label, dict):
        return label.get("system"), label.get("code")
    return label


async def _changed(house: House, request: Request, at: Target, change: Change) -> Response:
    type, id, given = at.type, at.id, _given(request)

    def work(transaction: Transaction) -> Version:
        current, content = found(transaction.read(request.reader, type, id), type, id)
        check_match(request, current)
        document = parse_exact(content)
        document["meta"] = change(document.get("meta", {}), given)
        return transaction.put(parse(dump_exact(document), expected=type), id, "PUT")[0]

    version = await house.store.commit(work)
    return _answer(_meta(version.content or b"{}"))


def _given(request: Request) -> Meta:
    for parameter in parameters(request.body):
        value = parameter.get("valueMeta")
        if parameter["name"] == "meta" and isinstance(value, dict):
            _check(value)
            return value
    raise Refused(Issue("required", "server.meta-missing", at="Parameters.parameter"), status=400)


def _check(meta: dict[str, Any]) -> None:
    """Labels are lists of the right things; the resource they go into is checked as a whole."""
    for name in _LISTS:
        kind = str if name == "profile" else dict
        labels = meta.get(name, [])
        if not isinstance(labels, list) or not all(isinstance(label, kind) for label in labels):
            at = f"Parameters.parameter.value.{name}"
            raise Refused(Issue("structure", "server.not-parameters", at=at))


def _meta(content: bytes) -> Meta:
    meta: Meta = parse_exact(content).get("meta", {})
    return meta


async def _in_use(house: House, request: Request, types: tuple[str, ...]) -> Meta:
    query = Query(types, Everything(), count=_PAGE, total="accurate")
    page = await house.store.search(request.reader, query)
    if (page.total or 0) > MOST_READ:
        given: dict[str, str | int] = {"limit": MOST_READ}
        raise Refused(Issue("too-costly", "server.meta-too-costly", at="url", given=given))
    meta: Meta = {}
    while True:
        for version in page.hits:
            meta = added(meta, _meta(version.content or b"{}"))
        if page.next is None:
            return {name: meta[name] for name in _LISTS if name in meta}
        await asyncio.sleep(0)  # others get their turn
        page = await house.store.search(request.reader, query, cursor=page.next)


def _answer(meta: Meta) -> Response:
    """Without labels there is no parameter: FHIR knows no empty object."""
    answer: dict[str, Json] = {"resourceType": "Parameters"}
    if meta:
        answer["parameter"] = [{"name": "return", "valueMeta": meta}]
    return Response(200, dump_exact(answer), [FHIR_JSON])


OPERATIONS = (
    Operation("meta", ("system", "type", "instance"), meta),
    Operation("meta-add", ("instance",), meta_add, affects_state=True),
    Operation("meta-delete", ("instance",), meta_delete, affects_state=True),
)
