"""How all tests run: Hypothesis without a clock, since tests never time anything. On a build
machine (`CI` is set) it draws the same examples each time, so that a change is judged by what it
changes; everywhere else it goes on exploring.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "xinglin",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("xinglin")
