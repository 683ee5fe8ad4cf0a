"""What is not FHIR: the landing page, and what those who run the server ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import structlog

from xinglin.server.backups.gauges import latest
from xinglin.server.house import House
from xinglin.server.http import Request, Response
from xinglin.server.landing import landing
from xinglin.server.metrics import Metrics
from xinglin.server.refusal import RETRY_AFTER

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")

_PATIENCE: Final = 2.0  # seconds that the record has to answer who asks whether it is there

Page = Callable[[House, Metrics, Request], Awaitable[Response]]

log = structlog.get_logger()


async def front(house: House, metrics: Metrics, request: Request) -> Response:
    return await landing(house, request)


async def alive(house: House, metrics: Metrics, request: Request) -> Response:
    return Response(200, b"ok\n", [_TEXT])


async def ready(house: House, metrics: Metrics, request: Request) -> Response:
    """Ready while the record can be read, which is asked of it."""
    try:
        await asyncio.wait_for(house.store.feed(0, 1), _PATIENCE)
    except Exception as error:  # noqa: BLE001  (an edge: whatever it is, the record is not there)
        log.warning("not ready", reason=type(error).__name__)
        return Response(503, b"the record cannot be read\n", [_TEXT, RETRY_AFTER])
    return Response(200, b"ready\n", [_TEXT])


async def measured(house: House, metrics: Metrics, request: Request) -> Response:
    content_type = b"text/plain; version=0.0.4; charset=utf-8"
    text = metrics.text()
    if house.settings.backup_folder is not None:
        text += await asyncio.to_thread(latest, house.settings.backup_folder, house.clock())
    return Response(200, text, [(b"content-type", content_type)])


PAGES: Mapping[str, Page] = MappingProxyType(
    {"/": front, "/healthz": alive, "/readyz": ready, "/metrics": measured}
)
