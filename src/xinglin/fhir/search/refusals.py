"""Why a search is refused (FHIR R4, Search, 3.1.1.1 and 3.1.1.2.6, handling of errors)."""

from __future__ import annotations

from xinglin.fhir.outcome import Code, Issue, Refused


class Unknown(Refused):
    """A parameter that this server does not know or support: `Prefer: handling=lenient` leaves
    it out with a warning, where anything else that is wrong is always refused."""


def refusal(name: str, issue: Code, key: str, /, **given: str | int) -> Refused:
    """A refusal of the parameter `name`; the sentence is `fhir.search-<key>`."""
    given["parameter"] = name
    return Refused(Issue(issue, f"fhir.search-{key}", at=name, given=given))


def unknown(name: str, key: str, /, **given: str | int) -> Unknown:
    given["parameter"] = name
    return Unknown(Issue("not-supported", f"fhir.search-{key}", at=name, given=given))
