"""What an operation is given: the query of a GET, or the Parameters of a POST
(FHIR R4, Operations, "Executing an Operation").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from xinglin.fhir.json import Json
from xinglin.fhir.outcome import Issue, Refused
from xinglin.server.house import House
from xinglin.server.http import Request
from xinglin.server.moments import only_the_present
from xinglin.server.preference import check_known

Pairs = Sequence[tuple[str, str]]


class _Parameters(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType")
    parameter: list[dict[str, Json]] = []


def asked(
    house: House, request: Request, known: Collection[str], *, usually_strict: bool = False
) -> Pairs:
    """Simple parameters by name. One that nobody knows is refused in strict handling, and
    otherwise ignored."""
    pairs = list(request.query)
    if request.method == "POST" and request.body:
        pairs += [(str(p["name"]), _text(p)) for p in parameters(request.body) if _text(p)]
    if "_at" not in known:
        only_the_present(pairs)
    check_known(house, request, pairs, known, usually=usually_strict)
    return pairs


def parameters(body: bytes) -> list[dict[str, Any]]:
    """The parameters of a Parameters resource. Refused: it is none."""
    try:
        read = msgspec.json.decode(body, type=_Parameters)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Issue("structure", "server.not-parameters", at="Parameters")) from error
    if read.resource_type != "Parameters" or any("name" not in p for p in read.parameter):
        raise Refused(Issue("structure", "server.not-parameters", at="Parameters"))
    return read.parameter


def _text(parameter: dict[str, Any]) -> str:
    """The value of a parameter of any primitive type, or of a Reference; "" for others."""
    for name, value in parameter.items():
        if name.startswith("value") and isinstance(value, dict):
            return str(value.get("reference", ""))
        if name.startswith("value") and isinstance(value, bool):
            return "true" if value else "false"
        if name.startswith("value"):
            return str(value)
    return ""


def listed(pairs: Pairs, name: str) -> list[str]:
    """All values of a parameter that may repeat, or hold several with commas between."""
    return [part for key, value in pairs if key == name for part in value.split(",") if part]
