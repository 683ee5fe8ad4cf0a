"""How all tests run: Hypothesis without a clock, since tests never time anything."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "xinglin", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("xinglin")
