"""The worker that makes backups, where a folder for them is set, and removes the oldest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import structlog

from xinglin.server.backups.keeping import name_of, seconds, superfluous, wait
from xinglin.server.backups.making import Failed, make, sweep
from xinglin.server.declare import Worker
from xinglin.server.house import House
from xinglin.server.settings import Settings

_LOOK: Final = 60.0  # seconds between two looks at the clock, which may be set
_PAUSE: Final = 600.0  # seconds after which one that failed is tried again

log = structlog.get_logger()


async def back_up(house: House) -> None:
    folder = house.settings.backup_folder
    while folder is not None:
        pause = await _done(house, folder)
        await asyncio.sleep(pause)


async def _done(house: House, folder: Path) -> float:
    """Make what is due; seconds until it is time to look again."""
    try:
        names = await asyncio.to_thread(_looked_after, folder)
        now = house.clock()
        remaining = wait(names, seconds(house.settings.backup_every), now)
        if not remaining:
            await _make(house.settings, folder, now)
            await asyncio.to_thread(_remove_old, house.settings, folder, now)
            return _LOOK  # a clock that goes astray shall not make one after the other
    except (Failed, OSError) as error:
        log.error("backup failed", reason=str(error))
        return _PAUSE
    return min(remaining, _LOOK)


def _looked_after(folder: Path) -> list[str]:
    """What is in the folder, which is made when it is missing, without unfinished backups."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    return _names(folder)


async def _make(settings: Settings, folder: Path, now: int) -> None:
    started = asyncio.get_running_loop().time()
    file = folder / name_of(now)
    try:
        made = await make(settings.place, file, now)
    finally:
        sweep(folder)  # of one that was killed
    log.info(
        "backup made",
        file=file.name,
        bytes=made.bytes,
        versions=made.versions,
        seconds=round(asyncio.get_running_loop().time() - started, 1),
    )


def _remove_old(settings: Settings, folder: Path, now: int) -> None:
    """`now`: when the newest was made, which therefore stays."""
    keep, weeks = settings.backup_keep, settings.backup_keep_weeks
    for name in superfluous(_names(folder), keep, weeks, now):
        (folder / name).unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


WORKERS = (Worker(back_up),)
