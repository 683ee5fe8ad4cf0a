"""`xinglin fhirpath`: a file, or a stream in which every line has its answer."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.cli import main

PATIENT = {"resourceType": "Patient", "name": [{"given": ["Ming"]}], "birthDate": "1974-12-25"}


class Pipes:
    """Standard input and output of one run, as bytes."""

    def __init__(self, given: bytes) -> None:
        self.stdin = io.TextIOWrapper(io.BytesIO(given))
        self.stdout = io.TextIOWrapper(io.BytesIO())

    def run(self, *words: str) -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", self.stdin)
            patch.setattr(sys, "stdout", self.stdout)
            with pytest.raises(SystemExit) as end:
                main(["fhirpath", *words])
        assert end.value.code in (0, None)
        self.stdout.seek(0)
        return [json.loads(line) for line in self.stdout.read().splitlines()]


def batch(*lines: bytes) -> list[Any]:
    return Pipes(b"".join(line + b"\n" for line in lines)).run("--batch")


def test_each_item_of_a_file_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "patient.json"
    file.write_text(json.dumps(PATIENT))
    assert Pipes(b"").run("birthDate | name.given", str(file)) == [
        {"type": "FHIR.date", "value": "1974-12-25"},
        {"type": "FHIR.string", "value": "Ming"},
    ]


def test_a_refusal_ends_with_one_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fhirpath", "1 +"])
    assert end.value.code == 1
    assert "1:4" in capsys.readouterr().err


def test_a_stream_is_answered_line_by_line_in_order() -> None:
    found = batch(
        json.dumps({"expression": "name.given", "resource": PATIENT}).encode(),
        b"no JSON",
        b'{"expression": "1.50 + 1"}',
        b"",
        b'{"expression": "((("}',
        b"[]",
        b'{"expression": 5}',
        b"\xff\xfe",
        b'{"expression": "a", "resource": {"x": 1}}',
        b'{"expression": "$this", "resource": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"expression": "true"}',
    )
    assert [[*answer] for answer in found] == [
        [kind] for kind in ["result", "error", "result", *["error"] * 7, "result"]
    ]
    assert found[0]["result"] == [{"type": "FHIR.string", "value": "Ming"}]
    assert found[-1]["result"] == [{"type": "System.Boolean", "value": True}]
    assert all(answer.get("error", "a sentence")[0].isprintable() for answer in found)


def test_a_resource_nested_to_the_limit_is_no_crash() -> None:
    lines = [
        b'{"expression": "name = $this | descendants()", "resource": {"resourceType": "Patient",'
        b' "name": ' + b'{"a":[' * depth + b"1" + b"]}" * depth + b"}}"
        for depth in (10, 100, 300, 400, 450, 480, 490, 495, 500)
    ]
    assert len(batch(*lines)) == len(lines)


@given(st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=5))
def test_any_bytes_have_their_answers(lines: list[bytes]) -> None:
    assert len(batch(*lines)) == len(lines)
