"""The words of a report, in the language of the terminal."""

from __future__ import annotations

from xinglin.cli import language
from xinglin.fhir.outcome import Issue
from xinglin.fhir.wording import sentence


def told(key: str, **given: str | int) -> str:
    return sentence(Issue("informational", f"cli.bench-{key}", given=given), language())
