"""Types are made when they are first needed, which may be in several threads at once."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own, since only there each use is the first; and since a crash ends it.
PROGRAM = """
import sys
from datetime import date
from threading import Barrier, Thread

import orjson
from xinglin.fhir.r4.decoding import decoder
from xinglin.simulator.residents import resident

sys.setswitchinterval(1e-5)
entries = resident(1, 3, date(2026, 1, 1))["entry"]
texts = {e["resource"]["resourceType"]: orjson.dumps(e["resource"]) for e in entries}
together = Barrier(3)

def use(texts):
    together.wait()
    for type, text in texts:
        decoder(type).decode(text)

some = list(texts.items())
threads = [Thread(target=use, args=(each,)) for each in (some, some, some[::-1])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_may_need_the_same_types_first_at_the_same_time() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False).returncode == 0
