"""Text for people is in the locale files, in both languages, and nothing else is there."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from string import Formatter

import pytest

from tests.architecture.checkout import ROOT, Module

LAYERS = sorted(path.parent.name for path in ROOT.glob("src/xinglin/*/locale"))


def wording(layer: str, language: str) -> dict[str, str]:
    path = ROOT / "src" / "xinglin" / layer / "locale" / f"{language}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def issues(module: Module) -> Iterator[tuple[str, set[str] | None]]:
    """Key and names given, of each Issue whose key stands in the code as a literal."""
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id != "Issue":
            continue
        named = {word.arg: word.value for word in node.keywords}
        key = named.get("key", node.args[1] if len(node.args) > 1 else None)
        if isinstance(key, ast.Constant):
            given = named.get("given", node.args[3] if len(node.args) > 3 else None)
            yield str(key.value), given_names(given)


def given_names(given: ast.expr | None) -> set[str] | None:
    """The names in a dict display; None where they cannot be read from the code."""
    if given is None:
        return set()
    if not isinstance(given, ast.Dict):
        return None
    names = {name.value for name in given.keys if isinstance(name, ast.Constant)}
    return {str(name) for name in names} if len(names) == len(given.keys) else None


def of_the_program(modules: tuple[Module, ...]) -> tuple[Module, ...]:
    return tuple(module for module in modules if module.at.parts[0] == "src")


@pytest.mark.parametrize("layer", LAYERS)
def test_both_languages_say_the_same_things(layer: str) -> None:
    english, chinese = wording(layer, "en"), wording(layer, "zh")
    assert english.keys() == chinese.keys()
    for key, sentence in english.items():
        assert placeholders(sentence) == placeholders(chinese[key]), key
        assert all(name.isidentifier() for name in placeholders(sentence)), key


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_keys_are_sorted_and_begin_with_their_layer(layer: str, language: str) -> None:
    keys = list(wording(layer, language))
    assert keys == sorted(keys)
    assert [key for key in keys if not key.startswith(f"{layer}.")] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_chinese_is_chinese_and_english_is_not(layer: str) -> None:
    ideograph = re.compile("[\u4e00-\u9fff]")
    assert [key for key, text in wording(layer, "zh").items() if not ideograph.search(text)] == []
    assert [key for key, text in wording(layer, "en").items() if ideograph.search(text)] == []


def test_each_issue_has_its_sentence_and_all_that_the_sentence_asks_for(
    modules: tuple[Module, ...],
) -> None:
    written = {key: text for layer in LAYERS for key, text in wording(layer, "en").items()}
    for module in of_the_program(modules):
        for key, given in issues(module):
            assert key in written, f"{module.at}: no sentence for {key}"
            assert given is None or placeholders(written[key]) <= given, f"{module.at}: {key}"


def test_each_string_that_looks_like_a_key_has_its_sentence(modules: tuple[Module, ...]) -> None:
    """Keys also reach an Issue through tables and arguments; with a hyphen they are plain."""
    key = re.compile(rf"(?:{'|'.join(LAYERS)})\.[a-z0-9]+(?:-[a-z0-9]+)+")
    written = {key for layer in LAYERS for key in wording(layer, "en")}
    for module in of_the_program(modules):
        found = {text for text in module.strings if key.fullmatch(text)}
        assert found <= written, module.at


@pytest.mark.parametrize("layer", LAYERS)
def test_each_sentence_is_used(layer: str, modules: tuple[Module, ...]) -> None:
    said = set(chain.from_iterable(module.strings for module in of_the_program(modules)))
    # f"fhir.bad-{type}" says all sentences whose keys begin so.
    begun = tuple(text for text in said if re.fullmatch(rf"{layer}\.[a-z-]+-", text))
    unsaid = [key for key in wording(layer, "en") if key not in said and not key.startswith(begun)]
    assert unsaid == []


def test_the_wording_lies_with_the_layers() -> None:
    stray = [path for path in (ROOT / "src").rglob("locale") if path.parent.name not in LAYERS]
    assert stray == list[Path]()
