"""One resource in the record: created, read, updated, deleted, revived; its versions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.record import ENGINES, START, Engine, Record, a_record, content, resource
from xinglin.fhir.outcome import Refused
from xinglin.fhir.resource import parse
from xinglin.store.face import Transaction, instant

DU = {"resourceType": "Patient", "id": "du", "name": [{"family": "Du"}]}
MALE = DU | {"gender": "male"}
MS = START // 1000


@pytest.fixture(params=ENGINES)
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    engine: Engine = request.param
    with a_record(engine) as found:
        yield found


def test_what_was_created_can_be_read(record: Record) -> None:
    written = record.put(DU, method="POST")
    assert (written.version, written.method, written.seq) == (1, "POST", 1)
    assert record.read("Patient/du") == written
    assert content(written) == DU


def test_nothing_is_there_before(record: Record) -> None:
    assert record.read("Patient/du") is None
    assert record.read("Patient/du", version=1) is None
    assert record.read("Patient/du", at=MS) is None
    assert record.read("Nonsense/du") is None
    assert record.versions("Patient/du") == []
    assert record.versions("Nonsense") == []
    assert record.found("Patient") == []
    assert record.delete("Patient", "du") is None
    assert (record.end(), list(record.feed(0, 10))) == (0, [])


def test_an_update_makes_a_version_and_the_old_one_stays(record: Record) -> None:
    first = record.put(DU)
    second = record.put(MALE)
    assert second.version == 2
    assert record.read("Patient/du") == second
    assert record.read("Patient/du", version=1) == first
    assert record.read("Patient/du", version=2) == second
    assert record.read("Patient/du", version=3) is None
    assert record.read("Patient/du", version=0) is None


def test_an_identical_update_writes_nothing(record: Record) -> None:
    first = record.put(MALE, method="POST")
    again, changed = record.commit(lambda t: t.put(resource(MALE), "du", "PUT"))
    assert (again, changed) == (first, False)
    assert record.end() == 1
    assert record.versions("Patient/du") == ["Patient/du/1"]


def test_another_order_of_members_or_another_meta_is_another_content(record: Record) -> None:
    record.put(MALE)
    turned = {"resourceType": "Patient", "id": "du", "gender": "male", "name": DU["name"]}
    assert record.put(turned).version == 2
    assert record.put(turned | {"meta": {"tag": [{"code": "x"}]}}).version == 3
    assert record.read("Patient/du", version=2) is not None


def test_a_deletion_is_a_version_without_content(record: Record) -> None:
    record.put(DU)
    deletion = record.delete("Patient", "du")
    assert deletion is not None
    assert (deletion.version, deletion.method, deletion.content) == (2, "DELETE", None)
    assert record.read("Patient/du") == deletion
    assert record.found("Patient") == []
    assert record.search("Patient?_summary=count").total == 0
    assert record.delete("Patient", "du") is None
    assert record.versions("Patient/du") == ["Patient/du/2", "Patient/du/1"]


def test_a_deleted_resource_can_be_revived_even_with_its_last_content(record: Record) -> None:
    record.put(DU)
    record.delete("Patient", "du")
    revived = record.put(DU)
    assert (revived.version, revived.method) == (3, "PUT")
    assert record.found("Patient?family=du") == ["Patient/du"]
    assert record.search("Patient?_summary=count").total == 1


def test_the_text_comes_back_as_it_was_written(record: Record) -> None:
    """Decimals keep their digits, members their order, letters their spelling."""
    body = (
        b'{"resourceType":"Observation","id":"x","status":"final","code":{"text":"\xe7\xb3\x96"},'
        b'"valueQuantity":{"value":5.400,"unit":"m\\u006dol/L"},"language":"zh"}'
    )

    def work(transaction: Transaction) -> bytes:
        from_bytes = resource({"resourceType": "Basic", "code": {"text": "x"}})
        transaction.put(from_bytes, "x", "PUT")
        version, _ = transaction.put(parse(body), "x", "PUT")
        assert version.body is not None
        return version.body

    assert (
        record.commit(work)
        == b'{"status"' + body.partition(b'{"resourceType":"Observation","id":"x","status"')[2]
    )
    found = record.read("Observation/x")
    assert found is not None
    assert found.content is not None
    assert b'"value":5.400' in found.content
    assert body.partition(b'"status"')[2] in found.content


def test_last_updated_is_the_millisecond_of_the_commit_number(record: Record) -> None:
    version = record.put(DU)
    assert version.content is not None
    assert f'"lastUpdated":"{instant(version.t)}"'.encode() in version.content
    assert instant(version.t).startswith("2023-11-14T22:13:20.")


def test_ids_differ_by_case_and_by_type_and_may_look_like_numbers(record: Record) -> None:
    ids = ["a", "A", "1", "01", "1.0", "6f9619ff-8b86-d011-b42d-00c04fc964ff"]
    ids.append(ids[-1].upper())
    record.put(*({"resourceType": "Basic", "id": id, "code": {"text": id}} for id in ids))
    for id in ids:
        assert content(record.read(f"Basic/{id}"))["code"] == {"text": id}
    assert record.read("Patient/a") is None
    assert sorted(record.found("Basic")) == sorted(f"Basic/{id}" for id in ids)


# As it was


def test_the_version_in_force_at_a_moment(record: Record) -> None:
    clock = record.clock
    clock.now = (MS + 100) * 1000
    record.put(DU)
    clock.now = (MS + 200) * 1000
    record.put(MALE)
    clock.now = (MS + 300) * 1000
    record.delete("Patient", "du")
    clock.now = (MS + 400) * 1000
    record.put(DU)
    in_force = [(99, None), (100, 1), (199, 1), (200, 2), (250, 2), (300, 3), (400, 4), (9999, 4)]
    for after, number in in_force:
        found = record.read("Patient/du", at=MS + after)
        assert (None if found is None else found.version) == number, after
    deleted = record.read("Patient/du", at=MS + 300)
    assert deleted is not None
    assert deleted.content is None


@pytest.fixture
def busy(record: Record) -> Record:
    """du 1 at 100 ms, li 1 at 200, du 2 at 300, a group at 400, du deleted at 500."""
    li = {"resourceType": "Patient", "id": "li"}
    group = {"resourceType": "Group", "id": "g", "type": "person", "actual": True}
    for after, each in ((100, DU), (200, li), (300, MALE), (400, group)):
        record.clock.now = (MS + after) * 1000
        record.put(each)
    record.clock.now = (MS + 500) * 1000
    record.delete("Patient", "du")
    return record


def test_history_of_one_of_a_type_of_all(busy: Record) -> None:
    assert busy.versions("Patient/du") == ["Patient/du/3", "Patient/du/2", "Patient/du/1"]
    assert busy.versions("Patient") == [
        "Patient/du/3",
        "Patient/du/2",
        "Patient/li/1",
        "Patient/du/1",
    ]
    everything = ["Patient/du/3", "Group/g/1", "Patient/du/2", "Patient/li/1", "Patient/du/1"]
    assert busy.versions() == everything
    assert busy.history().total == 5
    assert busy.history("Patient/nobody").total == 0


def test_history_since_a_moment(busy: Record) -> None:
    assert busy.versions("Patient", since=MS + 300) == ["Patient/du/3", "Patient/du/2"]
    assert busy.versions("Patient", since=MS + 301) == ["Patient/du/3"]
    assert busy.versions(since=MS + 501) == []
    assert len(busy.versions(since=0)) == 5


def test_history_of_what_was_in_force_in_a_range_of_time(busy: Record) -> None:
    assert busy.versions(at=(MS + 0, MS + 99)) == []
    assert busy.versions(at=(MS + 100, MS + 100)) == ["Patient/du/1"]
    assert busy.versions(at=(MS + 250, MS + 300)) == [
        "Patient/du/2",
        "Patient/li/1",
        "Patient/du/1",
    ]
    assert busy.versions(at=(MS + 301, MS + 301)) == ["Patient/du/2", "Patient/li/1"]
    assert busy.versions(at=(MS + 900, MS + 900)) == ["Patient/du/3", "Group/g/1", "Patient/li/1"]
    assert busy.versions("Patient/du", at=(MS + 310, MS + 320)) == ["Patient/du/2"]


@pytest.mark.parametrize("name", ["", "Patient", "Patient/du"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_history_page_by_page_is_the_history(busy: Record, name: str, count: int) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = busy.history(name, count=count, cursor=cursor)
        assert len(page.versions) <= count
        seen += [f"{each.type}/{each.id}/{each.version}" for each in page.versions]
        cursor = page.next
        # What is written meanwhile is newer than any page still to come.
        busy.put(DU | {"birthDate": f"2000-01-{len(seen):02}"})
        if cursor is None:
            break
    assert seen == busy.versions(name)[-len(seen) :]
    assert len(seen) == {"": 5, "Patient": 4, "Patient/du": 3}[name]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²", "9" * 30])
def test_a_cursor_of_no_history_is_refused(busy: Record, cursor: str) -> None:
    with pytest.raises(Refused, match=r"store\.cursor-unknown"):
        busy.history(count=1, cursor=cursor)
