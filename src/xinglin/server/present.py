"""Less of a resource than is stored: `_summary` and `_elements`
(FHIR R4, Search, 3.1.1.5.8 and 3.1.1.5.9).

Only an answer that was asked for in part is decoded; every other is the stored bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from xinglin.fhir.json import Json, dump_exact, parse_exact
from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.r4.model import Element, elements

Summary = Literal["true", "text", "data", "count", "false"]

_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


@dataclass(frozen=True, slots=True)
class Part:
    """What to show: never less than the mandatory elements."""

    summary: Summary = "false"
    elements: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return self.summary == "false" and not self.elements

    def of(self, content: bytes) -> bytes:
        """The shown part of a resource, tagged as such."""
        if self.whole:
            return content
        resource: dict[str, Json] = parse_exact(content)
        model = elements(resource["resourceType"])
        shown = self._chosen(resource, model)
        shown["meta"] = _tagged(shown.get("meta", {}))
        return dump_exact(shown)

    def _chosen(self, resource: dict[str, Json], model: Mapping[str, Element]) -> dict[str, Json]:
        if self.elements:
            names = {name.rpartition(".")[2] for name in self.elements}
            return {
                key: value
                for key, value in resource.items()
                if (found := _element(model, key)) is None or found.required or found.name in names
            }
        match self.summary:
            case "data":
                return {key: value for key, value in resource.items() if key != "text"}
            case "text":
                return {
                    key: value
                    for key, value in resource.items()
                    if (found := _element(model, key)) is None
                    or found.required
                    or found.name == "text"
                }
        return _summarized(resource, model)


def asked_part(pairs: Sequence[tuple[str, str]]) -> Part:
    """What a read asks to see, by the last `_summary` and every `_elements` of its query."""
    summary: Summary = "false"
    names: list[str] = []
    for name, value in pairs:
        if name == "_summary":
            summary = _summary(value)
        elif name == "_elements":
            names += [part.strip() for part in value.split(",") if part.strip()]
    return Part(summary, tuple(names))


def _summary(value: str) -> Summary:
    match value:
        case "true" | "text" | "data" | "false":
            return value
        case "count":  # of one resource there is nothing to count
            return "false"
    raise Refused(
        Issue("value", "server.bad-value", at="_summary", given={"text": value}), status=400
    )


def _element(model: Mapping[str, Element], key: str) -> Element | None:
    """The element that a JSON property belongs to; None for those that always show."""
    name = key.removeprefix("_")
    if name in _ALWAYS:
        return None
    if name in model:
        return model[name]
    return next((e for e in model.values() if e.choice and name.startswith(e.name)), None)


def _summarized(resource: dict[str, Any], model: Mapping[str, Element]) -> dict[str, Any]:
    """Elements marked as part of the summary, within backbone elements as well."""
    shown = {}
    for key, value in resource.items():
        found = _element(model, key)
        if found is None:
            shown[key] = value
        elif found.summary or found.required:
            inner = elements(found.types[0]) if "." in found.types[0] else {}
            shown[key] = _each(value, inner) if inner else value
    return shown


def _each(value: Json, model: Mapping[str, Element]) -> Json:
    if isinstance(value, list):
        return [_each(item, model) for item in value]
    return _summarized(value, model) if isinstance(value, dict) else value


def _tagged(meta: dict[str, Json]) -> dict[str, Json]:
    return {**meta, "tag": [*meta.get("tag", ()), _SUBSETTED]}
