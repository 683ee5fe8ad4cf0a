"""Finds the shared test data: the folder named by `XINGLIN_DATA`, or `shared/data` beside the
checkout. Data are not part of the repository; a test that needs absent ones is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "data"


def data(name: str) -> Path:
    """The folder of one set of data (`synthea`)."""
    folder = Path(os.environ.get("XINGLIN_DATA", _BESIDE)) / name
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set XINGLIN_DATA to the folder that holds {name}")
    return folder
