"""Finds what tests need and the repository does not hold, having a licence or a size of its own:
data (`XINGLIN_TEST_DATA`, or `shared/data` beside the checkout) and public conformance suites
(`XINGLIN_TEST_SUITES`, or `shared/suites`). A test that needs absent ones is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared"


def data(name: str) -> Path:
    """The folder of one set of data (`synthea`)."""
    return _folder("XINGLIN_TEST_DATA", "data", name)


def suite(name: str) -> Path:
    """The folder of one suite (`patch`)."""
    return _folder("XINGLIN_TEST_SUITES", "suites", name)


def _folder(variable: str, usual: str, name: str) -> Path:
    folder = Path(os.environ.get(variable) or _BESIDE / usual) / name
    if not folder.is_dir():
        pytest.skip(f"nothing at {folder}; set {variable} to the folder that holds {name}")
    return folder
