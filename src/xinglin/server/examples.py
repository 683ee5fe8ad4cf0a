"""Searches to begin with: the landing page links to them, `xinglin demo` tries and names them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Example(NamedTuple):
    key: str  # of the sentence that says what is searched for
    type: str
    query: str

    @property
    def path(self) -> str:
        return f"/fhir/{self.type}?{self.query}"


EXAMPLES: Final = (
    Example("server.example-name", "Patient", "name=Wang&_sort=birthdate"),
    Example("server.example-include", "Condition", "code=E11.9&_include=Condition:subject"),
    Example("server.example-value", "Observation", "code=4548-4&value-quantity=gt7&_sort=-date"),
    Example("server.example-has", "Patient", "_has:AllergyIntolerance:patient:criticality=high"),
    Example("server.example-newest", "Encounter", "_sort=-date&_count=10"),
)
