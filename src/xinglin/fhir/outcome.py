"""What went wrong and where: the issues of an OperationOutcome (FHIR R4, OperationOutcome).

A refusal is raised where bad input is parsed and caught at one edge only, the request or the
command line, which renders it. `key` names a sentence in `locale/{en,zh}.json` of the layer
that is the key's first word (`fhir.unknown-element` → `xinglin/fhir/locale`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Code = Literal[  # https://hl7.org/fhir/R4/valueset-issue-type.html, those in use
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "forbidden",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "timeout",
    "throttled",
    "exception",
    "informational",
]

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `at` is a FHIRPath (`Patient.name[0].given`) or, for a request, the name
    of the header or parameter at fault; `given` fills the placeholders of the sentence."""

    code: Code
    key: str
    at: str | None = None
    given: dict[str, str | int] = field(default_factory=dict)
    severity: Severity = "error"


class Refused(Exception):  # noqa: N818  (a refusal is an answer, not an error of ours)
    """The request cannot be carried out as it stands; nothing was written.

    `status` is the HTTP status where it does not follow from the first issue's code.
    """

    def __init__(self, *issues: Issue, status: int | None = None) -> None:
        super().__init__(*(f"{issue.key} at {issue.at}" for issue in issues))
        self.issues = issues
        self.status = status
