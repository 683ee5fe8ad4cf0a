"""Takes in the NDJSON of a $import: a resource a line, each under its own id.

What is written is exactly what writing it again would write, so that an import which a restart
interrupted goes on from the last line it has noted, and whatever it does twice changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.references import relative
from xinglin.fhir.resource import Resource, parse
from xinglin.fhir.wording import Language
from xinglin.server.bulk.jobs import Job, Jobs, Output
from xinglin.server.house import House
from xinglin.server.ids import check_id
from xinglin.server.refusal import outcome_text
from xinglin.store.face import Transaction

INPUT: Final = "input"
REPORT: Final = "errors.ndjson"
_AT_A_TIME: Final = 250  # lines in one commit

Read = tuple[Resource, str]  # and the id that it gets


async def import_(house: House, jobs: Jobs, job: Job, language: Language = "en") -> None:
    """Take in the lines that are not in yet.

    Raises:
        Cancelled: the job was removed meanwhile; what is in stays in.
    """
    counts = Counter({output.type: output.count for output in job.output})
    refused = sum(output.count for output in job.errors)
    with (
        jobs.path(job, INPUT).open("rb") as lines,
        jobs.path(job, REPORT).open("ab") as report,
    ):
        os.truncate(report.fileno(), job.reported)
        for _ in islice(lines, job.lines):
            pass  # they are in
        while some := list(islice(lines, _AT_A_TIME)):
            read, outcomes = await house.aside(partial(_read, job, some, language))
            await house.store.commit(partial(_write, read))
            counts.update(resource.type for resource, _ in read)
            refused += len(outcomes)
            report.writelines(outcomes)
            report.flush()
            job.lines += len(some)
            job.reported = report.tell()
            job.progress = str(job.lines)
            job.output = [Output(name, "", count) for name, count in sorted(counts.items())]
            job.errors = [Output("OperationOutcome", REPORT, refused)] if refused else []
            jobs.save(job)


def _read(job: Job, lines: Sequence[bytes], language: Language) -> tuple[list[Read], list[bytes]]:
    """The resources to write, and an OperationOutcome for each line that is none."""
    base = job.request.rpartition("/")[0]
    read: list[Read] = []
    outcomes = []
    for number, line in enumerate(lines, job.lines + 1):
        if not line.strip():
            continue
        try:
            resource = parse(relative(line, base))
            if resource.id is not None:
                check_id(resource.id)
            read.append((resource, resource.id or _made_id(job, number)))
        except Refused as error:
            issues = [_placed(issue, number) for issue in error.issues]
            outcomes.append(outcome_text(issues, language) + b"\n")
    return read, outcomes


def _write(read: Sequence[Read], transaction: Transaction) -> None:
    for resource, id in read:
        transaction.put(resource, id, "PUT")


def _made_id(job: Job, number: int) -> str:
    """The same each time the line is read."""
    return hashlib.sha256(f"{job.id}/{number}".encode()).hexdigest()[:32]


def _placed(issue: Issue, number: int) -> Issue:
    at = f"line {number}: {issue.at}" if issue.at else f"line {number}"
    return Issue(issue.code, issue.key, at, issue.given, issue.severity)
