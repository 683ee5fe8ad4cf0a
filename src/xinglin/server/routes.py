"""From a method and a path to the handler (FHIR R4, RESTful API, "Summary": the list of paths).

The handlers are those that the modules of `interactions/` and `operations/` declare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.server.declare import Interaction, Level, Operation
from xinglin.server.house import Handler, House, Target
from xinglin.server.http import Request, Response
from xinglin.server.moments import only_the_present

TYPES = frozenset(RESOURCE_TYPES)
_LEVELS: Final[tuple[Level, ...]] = ("system", "type", "instance")

Found = tuple[str, Handler, Target]  # what it is called in metrics, who answers, of what


class Routes:
    """The two tables, and how a request finds its row."""

    def __init__(
        self, interactions: Sequence[Interaction], operations: Sequence[Operation]
    ) -> None:
        self.interactions = interactions
        self.operations = operations
        # By path first, so that a path with another method is 405 and not 404.
        self._interactions: dict[str, dict[str, Interaction]] = {}
        for row in interactions:
            self._interactions.setdefault(row.path, {})[row.method] = row
        self._operations: dict[str, list[Operation]] = {}
        for operation in operations:
            self._operations.setdefault(operation.name, []).append(operation)

    def find(self, request: Request) -> Found:
        """Refused with 404 for a path that nothing answers, 405 for a method it does not know,
        400 for the past of what has none."""
        segments = request.segments
        row: Interaction | Operation
        if segments and segments[-1].startswith("$"):
            row, target = self._operation(request.method, segments)
            what = segments[-1]
        else:
            row, target = self._interaction(request.method, segments)
            what = row.code or "other"
        if not row.past:
            only_the_present(request.query)
        return what, row.handler, target

    def _interaction(self, method: str, segments: tuple[str, ...]) -> tuple[Interaction, Target]:
        path, target = _pattern(segments)
        methods = self._interactions.get(path)
        if methods is None:
            raise _no_such_path(segments)
        row = methods.get(method)
        if row is None:
            raise _no_such_method(method, list(methods))
        return row, target

    def _operation(self, method: str, segments: tuple[str, ...]) -> tuple[Operation, Target]:
        *place, word = segments
        if len(place) > 2:
            raise _no_such_path(segments)
        level = _LEVELS[len(place)]
        target = Target(*place)
        if place:
            _check_type(target.type)
        for operation in self._operations.get(word[1:], ()):
            if level in operation.levels and (
                operation.types is None or not place or target.type in operation.types
            ):
                usual = ("POST",) if operation.affects_state else ("GET", "POST")
                allowed = operation.methods or usual
                if method not in allowed:
                    raise _no_such_method(method, allowed)
                return operation, target
        issue = Issue("not-found", "server.unknown-operation", at="url", given={"operation": word})
        raise Refused(issue, status=404)


@cache
def routes() -> Routes:
    """What is really there."""
    interactions = [
        row for module in modules("interactions") for row in getattr(module, "INTERACTIONS", ())
    ]
    operations = [
        row for module in modules("operations") for row in getattr(module, "OPERATIONS", ())
    ]
    return Routes(interactions, operations)


async def answer(house: House, request: Request) -> Response:
    """Carry out one request, of its own or of a batch. Raises Refused."""
    what, handler, target = routes().find(request)
    request.what = what
    return await handler(house, request, target)


def modules(package: str) -> Iterator[ModuleType]:
    """The modules of `interactions/` or `operations/`."""
    found = import_module(f"{__package__}.{package}")
    for module in iter_modules(found.__path__):
        yield import_module(f"{found.__name__}.{module.name}")


def _pattern(segments: tuple[str, ...]) -> tuple[str, Target]:
    """The pattern in `declare.py` that these segments have the form of, and what fills it."""
    match segments:
        case ():
            return "", Target()
        case ("metadata" | "_history" | "_search" as word,):
            return word, Target()
        case (type,):
            _check_type(type)
            return "{type}", Target(type)
        case (type, "_history" | "_search" as word):
            _check_type(type)
            return f"{{type}}/{word}", Target(type)
        case (type, id):
            _check_type(type)
            return "{type}/{id}", Target(type, id)
        case (type, id, *rest):
            _check_type(type)
            return _below_instance(type, id, rest)
    raise _no_such_path(segments)


def _below_instance(type: str, id: str, rest: Sequence[str]) -> tuple[str, Target]:
    match rest:
        case ("_history",):
            return "{type}/{id}/_history", Target(type, id)
        case ("_history", version):
            return "{type}/{id}/_history/{version}", Target(type, id, version)
        case (member, *after) if (member in TYPES or member == "*") and after in ([], ["_search"]):
            path = "{type}/{id}/{member}/_search" if after else "{type}/{id}/{member}"
            return path, Target(type, id, member=member)
    raise _no_such_path((type, id, *rest))


def _check_type(type: str) -> None:
    if type not in TYPES:
        issue = Issue("not-found", "server.unknown-type", at="url", given={"type": type})
        raise Refused(issue, status=404)


def _no_such_path(segments: Sequence[str]) -> Refused:
    path = "/".join(segments)
    return Refused(Issue("not-found", "server.unknown-path", at="url", given={"path": path}))


def _no_such_method(method: str, allowed: Sequence[str]) -> Refused:
    possible = sorted({*allowed, "HEAD"} if "GET" in allowed else allowed)
    given: Mapping[str, str] = {"method": method, "allowed": ", ".join(possible)}
    issue = Issue("not-supported", "server.method-not-allowed", at="method", given=dict(given))
    return Refused(issue, status=405)
