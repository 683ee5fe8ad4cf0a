"""Binary as what it is, a document or an image, instead of base64 within JSON
(FHIR R4, Binary, 2.29.3 "Serving Binary Resources using the RESTful API").
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from xinglin.fhir.json import dump_exact, parse_exact
from xinglin.server import media
from xinglin.server.http import Request, Response

# A media type (RFC 9110, 8.3.1), its parameters not looked at further.
_media_type = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(;[ -~]*)?", re.ASCII).fullmatch


def brings_raw(request: Request) -> bool:
    """Whether the body is the content itself and not a resource in JSON."""
    content_type = request.headers.get(b"content-type")
    return (
        request.segments[:1] == ("Binary",)
        and request.method in {"POST", "PUT"}
        and content_type is not None
        and not media.is_json(content_type)
    )


def wants_raw(request: Request) -> bool:
    """Whether one Binary is read by a client that asks for something else than FHIR."""
    if request.segments[:1] != ("Binary",) or len(request.segments) not in {2, 4}:
        return False
    accept = request.header("accept")
    return (
        request.method == "GET"
        and accept is not None
        and "_format" not in request.raw_query
        and not any(kind in accept for kind in ("json", "xml", "*/*", "application/*"))
    )


def resource(request: Request, id: str) -> bytes:
    """The Binary that a raw body stands for."""
    element = {"resourceType": "Binary"} | ({"id": id} if id else {})
    element["contentType"] = request.header("content-type") or ""
    element["data"] = b64encode(request.body).decode()
    return dump_exact(element)


def raw(response: Response) -> Response:
    """The content of a Binary. Somebody else wrote it: a browser must not take it for a page
    of this server."""
    if response.status != 200 or not isinstance(response.body, bytes):
        return response
    binary = parse_exact(response.body)
    kept = [header for header in response.headers if header[0] != b"content-type"]
    headers = [
        *kept,
        (b"content-type", _named(str(binary["contentType"]))),
        (b"content-disposition", b"attachment"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return Response(200, b64decode(binary.get("data", "")), headers, response.version)


def _named(content_type: str) -> bytes:
    """An element of type code may hold what a header may not."""
    return content_type.encode() if _media_type(content_type) else b"application/octet-stream"
