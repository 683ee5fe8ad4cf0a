"""The checkout as its tests are given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import checkout


@pytest.fixture
def root() -> Path:
    return checkout.ROOT


@pytest.fixture
def tracked() -> tuple[Path, ...]:
    return checkout.tracked()


@pytest.fixture
def modules() -> tuple[checkout.Module, ...]:
    return checkout.modules()
