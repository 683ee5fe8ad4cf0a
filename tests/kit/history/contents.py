"""What clients write, and how they know it again: resources with a mark, and versions read from
JSON (FHIR R4: Basic, Patient, Observation, Bundle of type history).
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.kit.history.notes import Version

Json = dict[str, Any]
MARK, CLAIM, GROUP, VALUE = (f"urn:history:{name}" for name in ("mark", "claim", "group", "value"))
TYPES = "Basic,Patient,Observation"


def basic(mark: str, *, id: str | None = None, value: int | None = None) -> Json:
    content: Json = {"resourceType": "Basic", "code": {"text": mark}}
    if id is not None:
        content["id"] = id
    if value is not None:
        content["extension"] = [{"url": VALUE, "valueInteger": value}]
    return content | marked(mark)


def marked(mark: str, claim: str | None = None) -> Json:
    identifiers = [{"system": MARK, "value": mark}]
    if claim is not None:
        identifiers.append({"system": CLAIM, "value": claim})
    return {"identifier": identifiers}


def grouped(group: str) -> Json:
    """Resources of a group are found by one search."""
    return {"meta": {"tag": [{"system": GROUP, "code": group}]}}


def canonical(content: Json) -> str:
    """The content alone: without what the server gives, and whatever its references have become."""
    own = {name: value for name, value in content.items() if name not in ("id", "meta")}
    return re.sub(r'"reference": "[^"]*"', '"reference": "*"', json.dumps(own, sort_keys=True))


def mark_of(content: Json) -> str:
    """A resource without one was written by somebody else."""
    marks = [each["value"] for each in content.get("identifier", []) if each["system"] == MARK]
    return marks[0] if marks else "nobody"


def version(content: Json) -> Version:
    """A resource as a server shows it."""
    tags = [each["code"] for each in content["meta"].get("tag", []) if each["system"] == GROUP]
    extensions = {each["url"]: each["valueInteger"] for each in content.get("extension", [])}
    return Version(
        address=f"{content['resourceType']}/{content['id']}",
        number=int(content["meta"]["versionId"]),
        mark=mark_of(content),
        when=content["meta"]["lastUpdated"],
        value=extensions.get(VALUE),
        content=canonical(content),
        refers=tuple(re.findall(r'"reference": "([^"]*)"', json.dumps(content))),
        group=tags[0] if tags else None,
    )


def past(entry: Json) -> Version:
    """An entry of a history."""
    answer = entry["response"]
    number, when = number_of(answer["etag"]), answer["lastModified"]
    address = "/".join(entry["fullUrl"].split("/")[-2:])
    if "resource" not in entry:
        return Version(address, number, None, when)
    shown = version(entry["resource"])
    assert (shown.address, shown.number, shown.when) == (address, number, when), entry
    return shown


def number_of(etag: str) -> int:
    """Of W/"3"."""
    found = re.fullmatch(r'W/"(\d+)"', etag)
    assert found is not None, f"the ETag is {etag}"
    return int(found[1])


def place_of(location: str) -> tuple[str, int]:
    """Address and number of http://localhost/fhir/Basic/1/_history/3."""
    parts = location.split("/")
    assert parts[-2] == "_history", f"the Location is {location}"
    return "/".join(parts[-4:-2]), int(parts[-1])
