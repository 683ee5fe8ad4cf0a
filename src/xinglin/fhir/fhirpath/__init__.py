"""FHIRPath (N1 normative) with the R4 functions: parse, then compile to Python closures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from xinglin.fhir.fhirpath.check import check
from xinglin.fhir.fhirpath.compile import closure
from xinglin.fhir.fhirpath.items import Collection, Item, Json, Value, exposed, refused, things
from xinglin.fhir.fhirpath.parser import parse
from xinglin.fhir.fhirpath.scope import Resolver, Run, Scope, Trace, Variables, Work
from xinglin.fhir.fhirpath.tree import Node

__all__ = ["Expression", "Node", "Value", "compile", "evaluate", "parse"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; may be kept and used from several threads."""

    tree: Node
    run: Run
    _checked: set[str] = field(default_factory=set)

    def __call__(
        self,
        context: Json,
        *,
        type: str | None = None,
        resource: Json = None,
        variables: Variables | None = None,
        now: datetime | None = None,
        resolver: Resolver | None = None,
        trace: Trace | None = None,
    ) -> list[Value]:
        """The result on one resource, or on one element of it.

        Args:
            context: parsed JSON, its decimals as Decimal.
            type: FHIR type of the context where it is no resource ("Patient.contact").
            resource: `%resource`, where the context is only a part of it.
            variables: what `%name` means, beyond those that FHIR defines.
            now: the moment of evaluation, with a zone; `now()` is refused without it.
            resolver: finds what `resolve()` does not see itself.
            trace: hears what `trace()` reports.

        Raises:
            Refused: the expression does not fit the type, or cannot be evaluated on this.
        """
        around = resource if resource is not None else context
        this: Collection
        this = things(context) if type is None else [Item(type, context, None, around)]
        root = things(resource) if resource is not None else this
        for name in {one.type for one in this if isinstance(one, Item)}:
            self.check(name)
        work = Work(this, root, now, variables or {}, resolver, trace)
        return [exposed(one) for one in self._result(work, this)]

    def check(self, type: str) -> None:
        """Refused if the expression can never mean anything on this FHIR type."""
        if type not in self._checked:
            check(self.tree, type)
            self._checked.add(type)

    def _result(self, work: Work, this: Collection) -> Collection:
        try:
            return self.run(Scope(work, this, {}))
        except RecursionError:
            raise refused("too-costly", "too-costly", limit=work.left) from None


def compile(expression: str | Node) -> Expression:
    """An expression ready to be evaluated often.

    Raises:
        Refused: not FHIRPath; an unknown function or type.
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    return Expression(tree, closure(tree))


_compiled = lru_cache(maxsize=1024)(compile)
_LONGEST_KEPT = 2_000  # characters; so that strangers cannot fill the memory


def evaluate(
    expression: str,
    resource: Json,
    *,
    variables: Variables | None = None,
    now: datetime | None = None,
    resolver: Resolver | None = None,
) -> list[Value]:
    """The result of an expression on a resource (None for an empty context).

    >>> evaluate("name.given.first()", {"resourceType": "Patient", "name": [{"given": ["Ming"]}]})
    [Value(type='FHIR.string', json='Ming')]
    """
    run = (_compiled if len(expression) <= _LONGEST_KEPT else compile)(expression)
    return run(resource, variables=variables, now=now, resolver=resolver)
