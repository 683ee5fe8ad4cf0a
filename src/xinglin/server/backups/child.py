"""`python -m xinglin.server.backups.child`: writes one backup, for `making.py`.

The order comes by the standard input, because the URL of a database may hold a password, which
the arguments of a process would show to everybody on the machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from xinglin.server.backups.order import Made, Order
from xinglin.store import backups, places

NICENESS = 10  # who serves requests goes before


def main() -> None:
    os.nice(NICENESS)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    contents = backups.write(places.place(order.place), Path(order.file), made=order.made)
    sys.stdout.buffer.write(
        msgspec.json.encode(Made(contents.size, contents.rows["ver"], contents.manifest.seq))
    )


if __name__ == "__main__":
    main()
