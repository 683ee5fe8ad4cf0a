"""The bytes that `xinglin bench` sends, read back by an independent parser."""

from __future__ import annotations

import httptools
from hypothesis import given
from hypothesis import strategies as st

from xinglin.cli.benchmarking.asking import Door


class Read:
    """What a server understands of a request."""

    def __init__(self, data: bytes) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.complete = 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(data)
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


paths = st.sampled_from(["", "Patient", "Patient/1", "Patient?name=x&_count=50"])


@given(st.sampled_from(["POST", "PUT"]), paths, st.binary(max_size=200))
def test_a_body_arrives_whole(method: str, path: str, body: bytes) -> None:
    read = Read(Door("http://localhost:8080/fhir").ask("", method, path, body).data)
    assert (read.method, read.body, read.complete) == (method.encode(), body, 1)
    assert read.headers[b"content-type"] == b"application/fhir+json"


@given(
    st.sampled_from(["http://a.example/fhir", "http://a.example:81", "https://a.example/r4/"]),
    paths,
)
def test_a_request_is_for_the_base_that_was_given(base: str, path: str) -> None:
    door = Door(base, ("Authorization: Bearer 1",))
    read = Read(door.ask("", "GET", path).data)
    below = f"{base.removesuffix('/')}/{path}".removesuffix("/")
    assert (
        f"{base.partition('/')[0]}//{read.headers[b'host'].decode()}{read.url.decode()}".rstrip("/")
        == below
    )
    assert read.headers[b"authorization"] == b"Bearer 1"
    assert door.port == {"http://a.example/fhir": 80, "http://a.example:81": 81}.get(base, 443)


def test_a_search_is_asked_strictly() -> None:
    door = Door("http://localhost/fhir")
    assert b"prefer" in Read(door.ask("", "GET", "Patient?name=x").data).headers
    assert b"prefer" not in Read(door.ask("", "GET", "Patient/1").data).headers
