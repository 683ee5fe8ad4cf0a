"""The public JSON Patch cases of FHIR/fhir-test-cases: every one as it says."""

from __future__ import annotations

import json

import pytest

from tests.kit.outside import suite
from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.fhir.outcome import Refused
from xinglin.fhir.patch import apply, parse


def test_every_public_case() -> None:
    cases = json.loads((suite("patch") / "json-patch-tests.json").read_bytes())
    wrong = []
    for case in cases:
        document = parse_exact(json.dumps(case["doc"]).encode())
        patch = json.dumps(case["patch"]).encode()
        if "error" in case:
            with pytest.raises(Refused):
                apply(document, parse(patch))
        elif json.loads(dump_exact(apply(document, parse(patch)))) != case["expected"]:
            wrong.append(case["comment"])
    assert len(cases) >= 8
    assert not wrong
