"""What becomes of a bulk job: asked for, fetched, cancelled, carried out
(FHIR Bulk Data Access 2.0.0, "Bulk Data Status Request", "Delete Request", "Output File Request").

$bulk-status is the address that Content-Location names, $bulk-file those of the files.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import structlog

from xinglin.fhir.json import Json, dump_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.bulk.exporting import export
from xinglin.server.bulk.filters import chosen
from xinglin.server.bulk.importing import import_
from xinglin.server.bulk.jobs import KEPT, Cancelled, Job, Jobs, Output
from xinglin.server.bulk.reindexing import reindex
from xinglin.server.declare import Operation, Worker
from xinglin.server.house import House, Target
from xinglin.server.http import FHIR_JSON, Header, Request, Response
from xinglin.server.moments import http_date, instant
from xinglin.server.refusal import outcome_text, passing

NDJSON: Final[Header] = (b"content-type", b"application/fhir+ndjson")

_JSON: Final[Header] = (b"content-type", b"application/json")
_DEFINITION: Final = "https://xinglin.example/fhir/OperationDefinition/"
_LOOK: Final = 0.2  # seconds between two looks for new jobs
_PIECE: Final = 256 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS

log = structlog.get_logger()


def jobs_of(house: House) -> Jobs:
    return Jobs(house.settings.data)


def accepted(request: Request, job: Job) -> Response:
    """202: where to ask how far it is."""
    return Response(202, b"", [(b"content-location", _address(request, "status", job).encode())])


def _address(request: Request, what: str, job: Job, **more: str) -> str:
    return f"{request.base}/$bulk-{what}?{urlencode({'job': job.id, **more})}"


async def status(house: House, request: Request, at: Target) -> Response:
    jobs = jobs_of(house)
    jobs.sweep(house.clock())
    job = _job(jobs, request)
    if request.method == "DELETE":
        jobs.remove(job.id)
        return Response(202)
    if job.ended is None:
        progress = (job.progress or "0").encode()
        return Response(202, b"", [(b"x-progress", progress), (b"retry-after", b"1")])
    if job.refused:
        return Response(422, job.refused.encode(), [FHIR_JSON])
    if job.failed:
        given: dict[str, str | int] = {"job": job.id}
        raise Refused(Issue("exception", "server.bulk-failed", given=given), status=500)
    expires = http_date((job.ended + KEPT) // 1_000_000)
    return Response(200, dump_exact(_manifest(request, job)), [_JSON, (b"expires", expires)])


def _manifest(request: Request, job: Job) -> Json:
    def shown(outputs: Sequence[Output]) -> list[Json]:
        shown = []
        for output in outputs:
            entry: dict[str, Json] = {"type": output.type, "count": output.count}
            if output.file:
                entry["url"] = _address(request, "file", job, file=output.file)
            shown.append(entry)
        return shown

    manifest = {
        "transactionTime": instant(job.snapshot * 1000),
        "request": job.request,
        "requiresAccessToken": False,
        "output": shown(job.output),
        "error": shown(job.errors),
    }
    return manifest | ({"deleted": shown(job.deleted)} if job.deleted else {})


async def file(house: House, request: Request, at: Target) -> Response:
    """One file of a job, packed as it lies on the disk for whoever takes gzip."""
    jobs = jobs_of(house)
    name = dict(request.query).get("file", "")
    path = jobs.file(_job(jobs, request), name)
    if path is None:
        raise Refused(Issue("not-found", "server.bulk-no-file", at="file", given={"file": name}))
    packed = path.suffix == ".gz"
    if not packed:
        return Response(200, _pieces(path), [NDJSON])
    if b"gzip" in request.headers.get(b"accept-encoding", b""):
        return Response(200, _pieces(path), [NDJSON, (b"content-encoding", b"gzip")])
    return Response(200, _unpacked(path), [NDJSON])


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as source:
        while piece := await asyncio.to_thread(source.read, _PIECE):
            yield piece


async def _unpacked(path: Path) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    async for piece in _pieces(path):
        plain = await asyncio.to_thread(unpacker.decompress, piece)
        if plain:
            yield plain


def _job(jobs: Jobs, request: Request) -> Job:
    id = dict(request.query).get("job", "")
    job = jobs.get(id)
    if job is None:
        given: dict[str, str | int] = {"job": id[:100]}
        raise Refused(Issue("not-found", "server.bulk-no-job", at="job", given=given))
    return job


async def carry_out(house: House) -> None:
    """Carry out jobs one after another, those first that a restart interrupted."""
    jobs = jobs_of(house)
    while True:
        for job in jobs.waiting():
            await _carry_out(house, jobs, job)
        await asyncio.sleep(_LOOK)


async def _carry_out(house: House, jobs: Jobs, job: Job) -> None:
    try:
        job.snapshot = await house.store.commit(lambda transaction: transaction.moment())
        match job.kind:
            case "import":
                await import_(house, jobs, job)
            case "reindex":
                await reindex(house, jobs, job)
            case "export":
                filters = chosen(house, job.filters)
                await _in_a_thread(export(house.store, jobs, job, filters))
        job.ended = house.clock()
        jobs.save(job)
    except Cancelled:
        jobs.remove(job.id)  # what was written since
    except Refused as refused:
        if passing(refused):
            raise  # and it is begun again
        job.refused, job.ended = outcome_text(refused.issues, "en").decode(), house.clock()
        jobs.save(job)
    except Exception:
        log.exception("bulk job failed", job=job.id, kind=job.kind)
        job.failed, job.ended = True, house.clock()
        jobs.save(job)


async def _in_a_thread(writing: Coroutine[Any, Any, None]) -> None:
    """And in an event loop of its own. It has ended when this has, also where this is cancelled."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def write() -> None:
        task = asyncio.ensure_future(writing)
        begun.set_result((asyncio.get_running_loop(), task))
        await task

    thread = asyncio.ensure_future(asyncio.to_thread(asyncio.run, write()))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        loop, task = await asyncio.wrap_future(begun)
        loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait((thread,))
        raise


OPERATIONS = (
    Operation(
        "bulk-status",
        ("system",),
        status,
        methods=("GET", "DELETE"),
        definition=f"{_DEFINITION}bulk-status",
    ),
    Operation(
        "bulk-file", ("system",), file, methods=("GET",), definition=f"{_DEFINITION}bulk-file"
    ),
)

WORKERS = (Worker(carry_out, on=lambda house: jobs_of(house).mark()),)
