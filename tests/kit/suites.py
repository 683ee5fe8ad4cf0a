"""Where the public conformance suites lie: outside the repository, with their own licences."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "suites"


def suite(name: str) -> Path:
    """The folder of a suite; the test is skipped where it is not on this machine."""
    folder = Path(os.environ.get("XINGLIN_SUITES") or _BESIDE) / name
    if not folder.is_dir():
        pytest.skip(f"no conformance suite at {folder}; set XINGLIN_SUITES to its parent")
    return folder
