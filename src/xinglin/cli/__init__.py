"""The command line, `xinglin …`.

A command is a module of this package with a function of its own name (`import_` for
`import`, which is a word of Python); its signature is the command's help, by Typer.
Commands are found, not listed, and only the one asked for is imported: the server is heavy,
`xinglin version` is not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import typer

from xinglin.fhir.outcome import Refused
from xinglin.fhir.wording import Language, sentence

CANNOT = 1  # exit code of a refusal; 2 is Typer's, for a command line that makes no sense


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends with SystemExit, as every command does."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        application(words)(words, prog_name="xinglin")
    except Refused as refused:
        for issue in refused.issues:
            place = f"{issue.at}: " if issue.at else ""
            typer.secho(place + sentence(issue, language()), err=True, fg="red")
        raise SystemExit(CANNOT) from refused


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command that `words` begin with; all commands where they begin with none."""
    app = typer.Typer(
        name="xinglin",
        help="Xinglin 杏林: the open smart-healthcare platform on one FHIR R4 record.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    # With a callback, Typer keeps the command's name even where there is only one.
    app.callback()(_nothing)
    commands = dict(_commands(words[:1])) or dict(_commands(_names()))
    for name, command in commands.items():
        app.command(name, no_args_is_help=False)(command)
    return app


def language() -> Language:
    """The reader's language by the POSIX locale variables: Chinese, or else English."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, named), "").startswith("zh") else "en"


def _names() -> list[str]:
    modules = (module.name for module in iter_modules(__path__) if not module.ispkg)
    return [name.removesuffix("_") for name in modules if not name.startswith("_")]


def _commands(asked: Iterable[str]) -> Iterable[tuple[str, Callable[..., Any]]]:
    known = _names()
    for name in asked:
        if name in known:
            module_name = f"{name}_" if name == "import" else name
            module = import_module(f"{__name__}.{module_name}")
            command = getattr(module, module_name, None)
            if callable(command):  # a module without one is not a command's
                yield name, command


def _nothing() -> None:
    """What all commands share: nothing so far."""
