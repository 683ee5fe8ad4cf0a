"""What a Subscription asks for: which resources, and where to send word of them
(FHIR R4, Subscription; channel rest-hook).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx
import msgspec

from xinglin.fhir.dates import range_ms
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import RESOURCE_TYPES
from xinglin.fhir.search.grammar import parse
from xinglin.fhir.search.parameters import Registry
from xinglin.fhir.search.tree import Node
from xinglin.server.http import pairs

_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\x21-\x7e \t]*)")
# The request is ours: these say how it travels, not what it is about.
_NOT_THEIRS: Final = {"host", "content-length", "transfer-encoding", "connection", "content-type"}
_PAYLOADS: Final = ("", "application/fhir+json", "application/json")


class _Channel(msgspec.Struct):
    type: str
    endpoint: str = ""
    payload: str = ""
    header: list[str] = []


class Subscription(msgspec.Struct, rename="camel"):
    """As much of the resource as counts here."""

    id: str
    status: str
    criteria: str
    channel: _Channel
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A Subscription that can be served. `payload` is "" where nothing is to be sent along."""

    type: str
    where: Node
    endpoint: str
    payload: str
    headers: Sequence[tuple[str, str]]
    end: int | None  # ms


def read(content: bytes) -> Subscription:
    return msgspec.json.decode(content, type=Subscription)


def channel(
    subscription: Subscription,
    registry: Registry,
    *,
    hosts: Collection[str],
    base: str,
    now_ms: int,
) -> Channel:
    """What a Subscription asks for.

    Args:
        hosts: to which notifications may go besides loopback; `*` for all. Without such a limit
            whoever may write a Subscription could send requests to anything behind the firewall.

    Raises:
        Refused: it asks for what cannot be done, or may not be.
    """
    asked = subscription.channel
    type, _, query = subscription.criteria.partition("?")
    if type not in RESOURCE_TYPES:
        given: dict[str, str | int] = {"type": type}
        raise Refused(Issue("value", "server.unknown-type", "Subscription.criteria", given))
    search = parse(registry, (type,), pairs(query), strict=True, base=base, now_ms=now_ms)
    if asked.type != "rest-hook":
        raise _cannot("channel-type", "Subscription.channel.type", asked.type)
    _check_endpoint(asked.endpoint, hosts)
    payload = asked.payload.partition(";")[0].strip()
    if payload not in _PAYLOADS:
        raise _cannot("payload", "Subscription.channel.payload", payload)
    return Channel(
        type=type,
        where=search.query.where,
        endpoint=asked.endpoint.rstrip("/"),
        payload=payload,
        headers=tuple(_header(line) for line in asked.header),
        end=range_ms(subscription.end)[1] if subscription.end else None,
    )


def _check_endpoint(endpoint: str, hosts: Collection[str]) -> None:
    """By the parser that the sender uses: two would not always see the same host."""
    at = "Subscription.channel.endpoint"
    try:
        address = httpx.URL(endpoint)
    except httpx.InvalidURL:
        raise _cannot("endpoint", at, endpoint) from None
    if address.scheme not in ("http", "https") or not address.host:
        raise _cannot("endpoint", at, endpoint)
    named = {"*", address.host} & {host.lower() for host in hosts}
    if not named and not _is_loopback(address.host):
        raise _cannot("host", at, address.host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _header(line: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(line)
    if found is None or found[1].lower() in _NOT_THEIRS:
        raise _cannot("header", "Subscription.channel.header", line.partition(":")[0])
    return found[1], found[2].strip()


def _cannot(what: str, at: str, text: str) -> Refused:
    return Refused(
        Issue("not-supported", f"server.subscription-{what}", at=at, given={"text": text[:100]})
    )
