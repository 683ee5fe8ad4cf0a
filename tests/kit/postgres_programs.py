"""Finds PostgreSQL's programs: Debian's, or whatever is on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

_OLDEST = 15
_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path:
    """The folder of the newest ones. Where there are none that are new enough, the test that asks
    is skipped; a build machine fails it, since nobody reads there what was skipped."""
    found = _newest()
    if found is None:
        missing = f"no PostgreSQL {_OLDEST} or newer: apt install postgresql"
        if "XINGLIN_TEST_POSTGRES" not in os.environ:
            missing += ", or set XINGLIN_TEST_POSTGRES"
        (pytest.fail if "CI" in os.environ else pytest.skip)(missing)
    return found


@cache
def _newest() -> Path | None:
    found = [(version, folder) for folder in _folders() if (version := _version(folder)) >= _OLDEST]
    return max(found)[1] if found else None


def _folders() -> Iterator[Path]:
    yield from _DEBIAN.glob("*/bin")
    asked = shutil.which("pg_config")
    if asked:
        told = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True)
        yield Path(told.stdout.strip())
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def _version(folder: Path) -> int:
    """The major one; 0 where the folder has no server, but clients or libraries only."""
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        return 0
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    number = re.search(r"\d+", told.stdout)
    return int(number[0]) if number else 0
