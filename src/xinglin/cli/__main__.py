"""`python -m xinglin.cli`: the same as the command `xinglin`."""

from __future__ import annotations

from xinglin.cli import main

if __name__ == "__main__":
    main()
