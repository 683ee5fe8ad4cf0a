"""What one answer says, read with the mistrust of one who compares: ETag, Location and meta of a
version have to agree (FHIR R4, RESTful API, "Resource Metadata and Versioning").

An answer that contradicts itself fails an assertion; the door notes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.history.contents import Json, canonical, mark_of, number_of, past, place_of, version
from tests.kit.history.notes import Absent, Other, Seen, Version, Write


@dataclass(frozen=True, slots=True)
class Shown:
    """Of each write what became of it, and what else there is to see."""

    told: tuple[Version | None, ...] = ()
    saw: tuple[Seen, ...] = ()
    listed: tuple[Version, ...] = ()  # by a history
    next: str | None = None  # the next page

    @property
    def versions(self) -> list[Version]:
        return [each for each in self.saw if isinstance(each, Version)]


def of_read(response: httpx.Response, address: str) -> Shown:
    if response.status_code in (404, 410):
        return Shown(saw=(Absent(address, response.status_code == 410),))
    shown = _whole(response)
    assert shown.address == address, f"{shown} was shown instead of {address}"
    return Shown(saw=(shown,))


def of_write(response: httpx.Response, write: Write) -> Shown:
    """Of a create or update."""
    if response.status_code == 412 and write.address and write.base is not None:
        return Shown(saw=(Other(write.address, write.base),))
    if response.status_code >= 400:
        return Shown()
    shown = _whole(response)
    headers = response.headers
    place = place_of(headers.get("location") or headers["content-location"])
    assert place == (shown.address, shown.number), f"{shown} is said to be at {place}"
    if write.claim is not None and response.status_code == 200:
        return Shown(told=(None,), saw=(shown,))
    assert shown.address == (write.address or shown.address), f"{shown} was written instead"
    return Shown(told=(shown,))


def of_delete(response: httpx.Response, address: str) -> Shown:
    """Without an ETag there was nothing to delete."""
    if response.status_code >= 400:
        return Shown()
    if "etag" not in response.headers:
        return Shown(told=(None,), saw=(Absent(address),))
    return Shown(told=(Version(address, number_of(response.headers["etag"]), None),))


def of_transaction(response: httpx.Response, writes: Sequence[Write]) -> Shown:
    if response.status_code >= 400:
        return Shown()
    entries = response.json()["entry"]
    assert len(entries) == len(writes), f"{len(writes)} entries have {len(entries)} answers"
    told: list[Version | None] = []
    saw: list[Seen] = []
    for entry, write in zip(entries, writes, strict=True):
        answer = entry["response"]
        address, number = place_of(answer["location"])
        assert number == number_of(answer["etag"]), entry
        assert address == (write.address or address), entry
        shown = Version(address, number, "", answer["lastModified"])
        if write.claim is not None and answer["status"].startswith("200"):
            told.append(None)
            saw.append(shown)
        else:
            told.append(shown)
    return Shown(tuple(told), tuple(saw))


def of_search(response: httpx.Response, group: str | None) -> Shown:
    bundle = response.json()
    found = tuple(version(entry["resource"]) for entry in bundle.get("entry", []))
    addresses = {each.address for each in found}
    assert len(addresses) == len(found), "something is found more than once"
    wrong = [str(each) for each in found if each.group != group]
    assert not wrong, f"{wrong} is found in the group {group}"
    following = _next(bundle)
    assert following is None, "more than a page is found"
    return Shown(saw=found)


def of_history(response: httpx.Response) -> Shown:
    bundle = response.json()
    listed = tuple(past(entry) for entry in bundle.get("entry", []))
    return Shown(listed=listed, next=_next(bundle))


def asked_by(entry: Json) -> Write:
    """The write that an entry of a transaction asks for."""
    request, content = entry["request"], entry["resource"]
    base = request.get("ifMatch")
    claim = request.get("ifNoneExist")
    return Write(
        mark_of(content),
        request["url"] if request["method"] == "PUT" else None,
        canonical(content),
        None if base is None else number_of(base),
        None if claim is None else claim.split("|")[1],
    )


def _whole(response: httpx.Response) -> Version:
    shown = version(response.json())
    etag = number_of(response.headers["etag"])
    assert etag == shown.number, f"{shown} has the ETag {etag}"
    return shown


def _next(bundle: Any) -> str | None:
    links: dict[str, str] = {link["relation"]: link["url"] for link in bundle.get("link", [])}
    return links.get("next")
