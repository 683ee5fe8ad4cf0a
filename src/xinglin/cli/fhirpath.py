"""`xinglin fhirpath`: evaluate a FHIRPath expression on a resource, or many of them in a stream."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from xinglin.cli import language
from xinglin.fhir.fhirpath import Value, evaluate
from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.wording import sentence


def fhirpath(
    expression: Annotated[str | None, typer.Argument(help="FHIRPath expression.")] = None,
    file: Annotated[
        typer.FileBinaryRead | None, typer.Argument(help="FHIR resource in JSON; - is stdin.")
    ] = None,
    batch: Annotated[
        bool,
        typer.Option("--batch", help='Read lines {"expression", "resource"}, answer one each.'),
    ] = False,
) -> None:
    """Evaluate a FHIRPath expression and print each item as a JSON line of type and value."""
    if batch:
        for line in sys.stdin.buffer:
            _print(_answer(line))
        return
    if expression is None:
        raise typer.BadParameter("EXPRESSION")
    resource = None if file is None else parse_exact(file.read())
    for value in evaluate(expression, resource, now=_now()):
        _print(dump_exact(_item(value)))


def _answer(line: bytes) -> bytes:
    """One line of a batch; whatever is wrong with it stays with it."""
    try:
        asked = parse_exact(line)
        expression = asked.get("expression") if isinstance(asked, dict) else None
        if not isinstance(expression, str):
            raise Refused(Issue("structure", "cli.no-expression"))
        found = evaluate(expression, asked.get("resource"), now=_now())
        return dump_exact({"result": [_item(value) for value in found]})
    except Refused as refused:
        return dump_exact({"error": " ".join(map(_sentence, refused.issues))})


def _sentence(issue: Issue) -> str:
    place = f"{issue.at}: " if issue.at else ""
    return place + sentence(issue, language())


def _item(value: Value) -> dict[str, Any]:
    return {"type": value.type, "value": value.json}


def _now() -> datetime:
    return datetime.now().astimezone()


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
