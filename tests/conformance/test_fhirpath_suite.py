"""The public FHIRPath R4 tests of FHIR/fhir-test-cases, judged as the suite's README says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.kit.outside import suite
from xinglin.fhir.fhirpath import Value, evaluate
from xinglin.fhir.json import parse_exact
from xinglin.fhir.outcome import Refused

NOW = datetime(2026, 3, 14, 9, 26, 53, 589000, tzinfo=timezone(timedelta(hours=8)))

FAILING: dict[str, str] = {}  # name of a test → why we do not pass it

_SYSTEM = {"boolean": "Boolean", "integer": "Integer", "decimal": "Decimal", "string": "String"}
_SYSTEM |= {"date": "Date", "dateTime": "DateTime", "time": "Time", "Quantity": "Quantity"}


def test_every_public_expression() -> None:
    folder = suite("fhirpath-r4")
    cases = list(ET.parse(folder / "tests-fhir-r4.xml").iter("test"))  # noqa: S314  (our suite)
    verdicts = {str(case.get("name")): verdict(folder, case) for case in cases}
    wrong = {name: why for name, why in verdicts.items() if why}
    assert len(verdicts) == 476
    assert wrong.keys() == FAILING.keys(), f"{len(cases) - len(wrong)}/{len(cases)} pass: {wrong}"


def verdict(folder: Path, case: ET.Element) -> str:
    """What is wrong, or nothing. An exception other than Refused ends the run: a crash."""
    expression = case.find("expression")
    assert expression is not None and expression.text is not None
    name = case.get("inputfile")
    resource = _input(folder / "input" / name) if name else None
    try:
        found = evaluate(expression.text, resource, now=NOW)
    except Refused as refusal:
        return "" if expression.get("invalid") else f"error: {refusal}"
    if expression.get("invalid"):
        return f"not refused: {found}"
    wanted = [(output.get("type"), output.text or "") for output in case.findall("output")]
    if case.get("predicate") == "true":
        found = [_predicate(found)]
    return "" if _same(found, wanted, case.get("ordered") != "false") else f"result: {found}"


@cache
def _input(path: Path) -> Any:
    return parse_exact(path.read_bytes())


def _predicate(found: list[Value]) -> Value:
    if len(found) == 1 and isinstance(found[0].json, bool):
        return found[0]
    return Value("System.Boolean", bool(found))


def _same(found: list[Value], wanted: list[tuple[str | None, str]], ordered: bool) -> bool:
    if len(found) != len(wanted):
        return False
    if ordered:
        return all(map(_is, found, wanted))
    rest = list(found)
    for one in wanted:
        match = next((value for value in rest if _is(value, one)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _is(value: Value, wanted: tuple[str | None, str]) -> bool:
    kind, text = wanted
    namespace, _, name = value.type.partition(".")
    if kind is not None and name != (kind if namespace == "FHIR" else _SYSTEM.get(kind)):
        return False
    json = value.json
    if isinstance(json, bool):
        return text == str(json).lower()
    if isinstance(json, int | Decimal):
        return Decimal(text) == json
    if isinstance(json, dict):
        number, _, unit = text.partition(" ")
        return json["value"] == Decimal(number) and f"'{json['unit']}'" == unit
    if name in ("Date", "DateTime", "date", "dateTime", "instant"):
        return text == f"@{json}"
    if name in ("Time", "time"):
        return text == f"@T{json}"
    return text == str(json)
