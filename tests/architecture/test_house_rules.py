"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import get_args

import pytest
from importlinter.cli import lint_imports

from tests.architecture.checkout import Module
from xinglin.fhir.outcome import Code

LONGEST = 600  # lines; 400 is the limit to keep to, above this a reason must be listed here

DRAWERS = {
    *("util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers"),
    *("service", "services", "handler", "handlers"),
}

# https://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_TYPES = {
    *("invalid", "structure", "required", "value", "invariant"),
    *("security", "login", "unknown", "expired", "forbidden", "suppressed"),
    *("processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted"),
    *("too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict"),
    *("transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"),
    "informational",
}


def test_layers_import_downward_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert lint_imports(no_cache=True) == 0


def test_every_module_says_what_it_is_for(modules: tuple[Module, ...]) -> None:
    assert [m.at for m in modules if m.text.strip() and not ast.get_docstring(m.tree)] == []


def test_no_module_is_too_long_to_read(modules: tuple[Module, ...]) -> None:
    assert [m.at for m in modules if m.text.count("\n") > LONGEST] == []


def test_nothing_is_named_as_a_drawer(modules: tuple[Module, ...]) -> None:
    for module in modules:
        places = {word for part in module.at.with_suffix("").parts for word in part.split("_")}
        assert not places & DRAWERS, module.at
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                last_word = re.findall("[A-Z][a-z]*|[a-z]+", node.name)[-1].lower()
                assert last_word not in DRAWERS, f"{module.at}: {node.name}"


def test_what_the_program_imports_is_what_it_declares(
    root: Path, modules: tuple[Module, ...]
) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_distribution(entry) for entry in project["dependencies"]}
    brings = {
        name: {_distribution(distribution) for distribution in distributions}
        for name, distributions in packages_distributions().items()
    }
    imported = {
        (name, module.at)
        for module in modules
        if module.at.parts[0] == "src"
        for name in _imported(module) - sys.stdlib_module_names - {"xinglin"}
    }
    assert [(n, at) for n, at in imported if not declared & brings.get(n, set())] == []


def test_issue_codes_are_those_of_fhir() -> None:
    assert set(get_args(Code)) <= ISSUE_TYPES


def test_no_file_knows_the_machine_it_was_written_on(root: Path, tracked: tuple[Path, ...]) -> None:
    private = re.compile(rb"(?<![\w.%~-])/(?:work|root|home)/[\w.]")
    places = [path for path in tracked if private.search((root / path).read_bytes())]
    assert places == []


def test_locks_pin_by_hash_and_name_no_registry(root: Path) -> None:
    for lock in ("requirements.lock", "requirements-test.lock"):
        text = (root / lock).read_text(encoding="utf-8")
        assert not re.search("https?://|^--", text, re.MULTILINE), lock
        requirements = re.findall(r"^\S.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        pinned = [entry for entry in requirements if not entry.startswith("#")]
        assert pinned
        assert [entry for entry in pinned if "==" not in entry or "--hash" not in entry] == []


def test_each_package_is_tested_in_the_version_that_runs(root: Path) -> None:
    pins = [
        set(re.findall(r"^\S+==\S+", (root / lock).read_text(encoding="utf-8"), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-test.lock")
    ]
    assert pins[0] <= pins[1]


def test_the_notice_names_each_folder_of_data(root: Path, tracked: tuple[Path, ...]) -> None:
    folders = {
        Path(*p.parts[: p.parts.index("data") + 1]) for p in tracked if "data" in p.parts[:-1]
    }
    notice = (root / "NOTICE").read_text(encoding="utf-8")
    assert [folder for folder in folders if folder.as_posix() not in notice] == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_commands_of_the_readme_exist(readme: str, root: Path) -> None:
    text = (root / readme).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:\./run|xinglin) ([a-z]+)\b", text))
    commands = {path.stem.removesuffix("_") for path in root.glob("src/xinglin/cli/[a-z]*.py")}
    assert named
    assert named <= commands


def _imported(module: Module) -> set[str]:
    """The top names of all absolute imports."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _distribution(requirement: str) -> str:
    """The name in its one normal spelling (PEP 503)."""
    name = re.split(r"[^\w.-]", requirement)[0]
    return re.sub("[-_.]+", "-", name).lower()
