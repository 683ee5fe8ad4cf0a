"""What all parts are given: the data, and how large and how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setting:
    bundles: Path | None  # None: our own synthetic residents
    quick: bool  # does it work, not how fast

    @property
    def data(self) -> str:
        return self.bundles.name if self.bundles else "residents"

    @property
    def seconds(self) -> float:
        return 0.3 if self.quick else 10

    @property
    def packets(self) -> int:
        return 12 if self.quick else 400

    @property
    def imported(self) -> int:
        """Resources, before memory and disk are weighed."""
        return 1_000 if self.quick else 100_000

    @property
    def sizes(self) -> tuple[int, ...]:
        """Resources in the record, of the flat curve."""
        return (4_000, 8_000, 16_000) if self.quick else (10_000, 100_000, 1_000_000)
