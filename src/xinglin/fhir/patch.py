"""JSON Patch: a list of small edits that all happen or none (RFC 6902; pointers: RFC 6901).

Documents are never changed in place: an edit copies the containers on its way down and shares
the rest, so a refused patch leaves nothing behind and the caller's document is as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from xinglin.fhir.json import Json, dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused

# A few `copy` operations of the document into itself would double it each time.
COPIED_BYTES: Final = 10_000_000
LONGEST_POINTER: Final = 200

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_PAST_THE_END: Final = "-"
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


class Add(msgspec.Struct, tag="add", tag_field="op", frozen=True):
    path: str
    value: Json


class Remove(msgspec.Struct, tag="remove", tag_field="op", frozen=True):
    path: str


class Replace(msgspec.Struct, tag="replace", tag_field="op", frozen=True):
    path: str
    value: Json


class Move(msgspec.Struct, tag="move", tag_field="op", frozen=True):
    path: str
    source: str = msgspec.field(name="from")


class Copy(msgspec.Struct, tag="copy", tag_field="op", frozen=True):
    path: str
    source: str = msgspec.field(name="from")


class Test(msgspec.Struct, tag="test", tag_field="op", frozen=True):
    path: str
    value: Json


Operation = Add | Remove | Replace | Move | Copy | Test
Patch = Sequence[Operation]


class _Impossible(Exception):  # noqa: N818  (becomes a Refused once the operation is known)
    def __init__(self, key: str, pointer: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.pointer = pointer


def parse(data: bytes) -> Patch:
    """Read a patch document (`application/json-patch+json`).

    Raises:
        Refused: it is not JSON, or not a list; else naming the first operation that is not one
            of the six with its members.
    """
    document = parse_exact(data)
    if not isinstance(document, list):
        raise Refused(Issue("structure", "fhir.patch-not-a-list"))
    return [_read(index, operation) for index, operation in enumerate(document)]


def _read(index: int, operation: Json) -> Operation:
    try:
        read: Operation = msgspec.convert(operation, Operation)
    except msgspec.ValidationError as error:
        issue = Issue(
            "structure",
            "fhir.patch-operation-malformed",
            at=f"patch[{index}]",
            given={"operation": index},
        )
        raise Refused(issue) from error
    return read


def apply(document: Json, patch: Patch) -> Json:
    """The document after all operations, in their order.

    Raises:
        Refused: with status 422, naming the operation that could not be carried out.

    >>> apply({"active": True}, parse(b'[{"op": "replace", "path": "/active", "value": false}]'))
    {'active': False}
    """
    copied = 0
    for index, operation in enumerate(patch):
        try:
            if isinstance(operation, Copy):
                copied += len(dump_exact(_value(document, operation.source)))
                if copied > COPIED_BYTES:
                    raise _Impossible("fhir.patch-too-large", operation.source)
            document = _carried_out(document, operation)
        except RecursionError as error:
            raise Refused(Issue("structure", "fhir.json-too-deep"), status=422) from error
        except _Impossible as impossible:
            issue = Issue(
                "processing",
                impossible.key,
                at=f"patch[{index}]",
                given={"operation": index, "pointer": impossible.pointer},
            )
            raise Refused(issue, status=422) from None
    return document


def _carried_out(document: Json, operation: Operation) -> Json:
    match operation:
        case Add(path, value):
            return _edited(document, path, _added, value)
        case Remove(path):
            return _edited(document, path, _removed, None)
        case Replace(path, value):
            return _edited(document, path, _replaced, value)
        case Move(path, source):
            if path.startswith(source + "/"):
                raise _Impossible("fhir.patch-into-itself", path)
            value = _value(document, source)
            if path == source:
                return document
            return _edited(_edited(document, source, _removed, None), path, _added, value)
        case Copy(path, source):
            return _edited(document, path, _added, _value(document, source))
        case Test(path, value):
            if not _equal(_value(document, path), value):
                raise _Impossible("fhir.patch-test-failed", path)
            return document


def _tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON pointer; none for the whole document."""
    if pointer == "":
        return []
    tokens = pointer.split("/")
    if tokens[0] or _BAD_ESCAPE.search(pointer) or len(tokens) > LONGEST_POINTER:
        raise _Impossible("fhir.patch-pointer-malformed", pointer)
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens[1:]]


def _value(document: Json, pointer: str) -> Json:
    for token in _tokens(pointer):
        document = _child(document, token, pointer)
    return document


def _child(container: Json, token: str, pointer: str) -> Json:
    if isinstance(container, dict) and token in container:
        return container[token]
    if isinstance(container, list) and _INDEX.fullmatch(token) and int(token) < len(container):
        return container[int(token)]
    raise _Impossible("fhir.patch-nothing-there", pointer)


Edit = Callable[[Json, str, Json, str], None]


def _edited(document: Json, pointer: str, edit: Edit, value: Json) -> Json:
    """A document in which `edit` was applied to a fresh copy of the container at the end of
    the pointer. The whole document can be replaced, but not removed."""
    tokens = _tokens(pointer)
    if not tokens:
        if edit is _removed:
            raise _Impossible("fhir.patch-removes-all", pointer)
        return value
    root = container = _copy(document)
    for token in tokens[:-1]:
        child = _copy(_child(container, token, pointer))
        container[int(token) if isinstance(container, list) else token] = child
        container = child
    edit(container, tokens[-1], value, pointer)
    return root


def _copy(container: Json) -> Json:
    return container.copy() if isinstance(container, dict | list) else container


def _added(container: Json, token: str, value: Json, pointer: str) -> None:
    if isinstance(container, dict):
        container[token] = value
    elif isinstance(container, list) and token == _PAST_THE_END:
        container.append(value)
    elif isinstance(container, list) and _INDEX.fullmatch(token) and int(token) <= len(container):
        container.insert(int(token), value)
    else:
        raise _Impossible("fhir.patch-nothing-there", pointer)


def _removed(container: Json, token: str, value: Json, pointer: str) -> None:
    _child(container, token, pointer)
    del container[int(token) if isinstance(container, list) else token]


def _replaced(container: Json, token: str, value: Json, pointer: str) -> None:
    _child(container, token, pointer)
    container[int(token) if isinstance(container, list) else token] = value


def _equal(left: Json, right: Json) -> bool:
    """Equal as JSON (RFC 6902, 4.6): numbers by value, and true is not 1 as it is in Python."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)
