"""A record behind a FHIR server: ours, or anybody's that does R4 over HTTP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from xinglin.cli.record.door import Answer, Kind, Line, Note, Reindexing, Unreachable
from xinglin.fhir.outcome import Issue, Refused

_FHIR_JSON: Final = "application/fhir+json"
_BUSY: Final = frozenset({429, 502, 503, 504})
_ATTEMPTS: Final = 6
_TIMEOUT: Final = 300.0  # seconds: a transaction of thousands of entries may take long
_LINES: Final = 1000


class Remote:
    """`notes` is where notes of imports are kept: what another server has taken in, only this
    side can write down. A note follows the answer, so of an interrupted import the last Bundle
    may be sent twice."""

    def __init__(self, url: str, headers: Mapping[str, str], notes: Path | None = None) -> None:
        self.where = url.rstrip("/")
        if urlsplit(self.where).scheme not in ("http", "https"):
            raise Unreachable(url, "not an http or https address")
        self._client = httpx.AsyncClient(
            base_url=self.where, headers={"accept": _FHIR_JSON, **headers}, timeout=_TIMEOUT
        )
        self._file = (notes or _state_folder()) / f"{sha256(self.where.encode()).hexdigest()}.json"
        self._notes: dict[str, int] = {}
        if self._file.exists():
            self._notes = msgspec.json.decode(self._file.read_bytes(), type=dict[str, int])

    async def submit(self, kind: Kind, bundle: bytes, note: Note | None) -> Answer:
        headers = {"content-type": _FHIR_JSON, "prefer": "return=minimal"}
        answer = await self._sent("POST", "", content=bundle, headers=headers)
        if answer.is_success and note is not None:
            self._notes[note.key] = note.reached
            self._keep()
        return Answer(answer.status_code, answer.content)

    async def _sent(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request, again after a while where the server is busy."""
        address = self.where + (f"/{path}" if path else "")
        for attempt in range(_ATTEMPTS):
            try:
                answer = await self._client.request(method, address, **given)
            except httpx.ConnectError as error:
                raise Unreachable(self.where, str(error)) from error
            except httpx.HTTPError as error:
                raise Unreachable(self.where, type(error).__name__) from error
            if answer.status_code not in _BUSY:
                break
            await asyncio.sleep(2.0**attempt / 4)
        return answer

    async def reached(self, key: str) -> int:
        return self._notes.get(key, 0)

    async def forget(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._notes.pop(key, None)
        self._keep()

    def _keep(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self._notes))
        fresh.replace(self._file)

    async def export(
        self, types: Sequence[str], since: str | None
    ) -> AsyncIterator[Sequence[Line]]:
        params = {"_type": ",".join(types), "_since": since or ""}
        chosen = {name: value for name, value in params.items() if value}
        manifest: dict[str, Any] = {}
        async for answer in self._job("GET", "$export", params=chosen):
            if answer.status_code == 200:
                manifest = answer.json()
        async for some in self._lines(manifest.get("output", ())):
            yield some

    async def reindex(self) -> AsyncIterator[Reindexing]:
        async for answer in self._job("POST", "$reindex"):
            yield Reindexing(answer.headers.get("x-progress", ""))
        async for some in self._lines(answer.json().get("error", ())):
            yield Reindexing(left_out=[said(line.content) for line in some])

    async def _lines(self, outputs: Sequence[Mapping[str, Any]]) -> AsyncIterator[Sequence[Line]]:
        """What is in the files of a job."""
        for output in outputs:
            async with self._client.stream("GET", output["url"]) as file:
                _check(file.status_code, b"")
                some: list[Line] = []
                async for line in file.aiter_lines():
                    some.append(Line(output["type"], line.encode()))
                    if len(some) == _LINES:
                        yield some
                        some = []
                yield some

    async def _job(self, method: str, path: str, **given: Any) -> AsyncIterator[httpx.Response]:
        """Ask for something that takes long, and for its status until it has ended."""
        answer = await self._sent(method, path, headers={"prefer": "respond-async"}, **given)
        _check(answer.status_code, answer.content)
        address = answer.headers["content-location"]
        while True:
            answer = await self._client.get(address, headers={"accept": "application/json"})
            _check(answer.status_code, answer.content)
            yield answer
            if answer.status_code != 202:
                return
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")) / 2)

    async def close(self) -> None:
        await self._client.aclose()


class _Issue(msgspec.Struct):
    details: dict[str, Any] = {}
    diagnostics: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def said(body: bytes) -> str:
    """What an OperationOutcome says, or the beginning of whatever it is."""
    try:
        issues = msgspec.json.decode(body, type=_Outcome).issue
    except msgspec.DecodeError:
        return body[:200].decode(errors="replace")
    return " ".join(str(issue.details.get("text", issue.diagnostics)) for issue in issues)


def _check(status: int, body: bytes) -> None:
    if status >= 400:
        given: dict[str, str | int] = {"status": status, "said": said(body)}
        raise Refused(Issue("processing", "cli.server-refused", given=given))


def _state_folder() -> Path:
    """Where programs keep what they remember (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "xinglin"
