"""The checkout as its tests see it: what git tracks, and the modules written by hand."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file written by hand; `at` is its path in the checkout."""

    at: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def strings(self) -> set[str]:
        return {
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }


@cache
def tracked() -> tuple[Path, ...]:
    # With safe.directory, git also answers where the checkout is another user's.
    git = ("git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z")
    try:
        listed = subprocess.run(git, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: what belongs to the project cannot be told")
    paths = (Path(name) for name in listed.decode().split("\0") if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@cache
def modules() -> tuple[Module, ...]:
    written = (path for path in tracked() if path.suffix == ".py" and "generated" not in path.parts)
    return tuple(Module(path, (ROOT / path).read_text(encoding="utf-8")) for path in written)
