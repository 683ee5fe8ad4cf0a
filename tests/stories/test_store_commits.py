"""Works on the record: what they see, how they fail without a trace, how many of them share one
commit, and what the feed tells of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.kit.record import (
    ENGINES,
    START,
    Clock,
    Engine,
    Record,
    a_record,
    content,
    each_engine,
    names,
    query,
    resource,
)
from xinglin.store.face import UNRESTRICTED, Method, Transaction, Version

DU = {"resourceType": "Patient", "id": "du", "name": [{"family": "Du"}]}
LOINC = "http://loinc.org"


@pytest.fixture(params=ENGINES)
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    engine: Engine = request.param
    with a_record(engine) as found:
        yield found


class BrokenError(Exception):
    pass


def observation(id: str, system: str, code: str, unit: str = "mmol/L") -> dict[str, Any]:
    """One that brings a system, a term, a unit and a patient that the record did not know."""
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}], "text": f"text of {code}"},
        "subject": {"reference": f"Patient/of-{id}"},
        "valueQuantity": {"value": 5.4, "system": "http://unitsofmeasure.org", "code": unit},
    }


def found(transaction: Transaction, text: str) -> list[str]:
    return names(transaction.search(UNRESTRICTED, query(text)).hits)


# A work sees what it wrote


def test_a_work_reads_and_finds_its_own_writes(record: Record) -> None:
    def work(transaction: Transaction) -> None:
        transaction.put(resource(observation("x", LOINC, "1")), "x", "PUT")
        read = transaction.read(UNRESTRICTED, "Observation", "x")
        assert content(read)["id"] == "x"
        assert found(transaction, f"Observation?code={LOINC}|1") == ["Observation/x"]
        assert found(transaction, "Observation?subject=Patient/of-x") == ["Observation/x"]
        assert transaction.search(UNRESTRICTED, query("Observation?_summary=count")).total == 1
        transaction.put(resource(observation("x", LOINC, "2")), "x", "PUT")
        assert found(transaction, f"Observation?code={LOINC}|1") == []
        assert found(transaction, f"Observation?code={LOINC}|2") == ["Observation/x"]
        transaction.delete("Observation", "x")
        assert found(transaction, "Observation") == []
        again = transaction.read(UNRESTRICTED, "Observation", "x")
        assert again is not None
        assert (again.version, again.content) == (3, None)

    record.commit(work)
    assert record.versions() == [f"Observation/x/{n}" for n in (3, 2, 1)]


def test_nobody_else_sees_a_work_before_it_is_done(record: Record) -> None:
    record.put(DU)

    def work(transaction: Transaction) -> list[Version | None]:
        transaction.put(resource(DU | {"gender": "male"}), "du", "PUT")
        transaction.read(UNRESTRICTED, "Patient", "du")
        with ThreadPoolExecutor(1) as outside:
            return [
                outside.submit(record.read, "Patient/du").result(),
                *outside.submit(record.search, "Patient").result().hits,
            ]

    before = record.commit(work)
    assert [each and each.version for each in before] == [1, 1]
    assert content(record.read("Patient/du"))["gender"] == "male"


def test_one_work_has_one_moment_and_versions_in_the_order_of_writing(record: Record) -> None:
    last = record.put(*(observation(str(n), LOINC, "1") for n in range(5)))
    feed = record.feed(0, 100)
    assert names(feed) == [f"Observation/{n}" for n in range(5)]
    assert {each.t for each in feed} == {last.t}
    assert [each.seq for each in feed] == [1, 2, 3, 4, 5]


# A work that fails leaves no trace


def failing(*contents: dict[str, Any]) -> Any:
    def work(transaction: Transaction) -> None:
        for each in contents:
            transaction.put(resource(each), each["id"], "PUT")
            transaction.read(UNRESTRICTED, each["resourceType"], each["id"])
        transaction.advance("reader", 77)
        raise BrokenError

    return work


def test_a_failed_work_leaves_nothing_behind(record: Record) -> None:
    record.put(DU)
    with pytest.raises(BrokenError):
        record.commit(failing(DU | {"gender": "male"}, observation("x", LOINC, "1")))
    assert content(record.read("Patient/du")) == DU
    assert record.versions() == ["Patient/du/1"]
    assert record.found("Observation") == []
    assert record.search("Observation?_summary=count").total == 0
    assert record.cursor("reader") == 0
    assert record.end() == 1


def test_after_a_failed_work_the_feed_has_no_gap(record: Record) -> None:
    with pytest.raises(BrokenError):
        record.commit(failing(DU, observation("x", LOINC, "1")))
    assert record.put(DU).seq == 1


def test_a_failed_work_between_others_of_the_same_commit(record: Record) -> None:
    def put(each: dict[str, Any]) -> Any:
        return lambda t: t.put(resource(each), each["id"], "PUT")[0]

    first, second, third = record.together(
        put(observation("a", "http://a", "1", "mg")),
        failing(observation("b", "http://b", "2", "g"), observation("a", "http://b", "3")),
        put(observation("c", "http://c", "1", "kg")),
    )
    assert isinstance(second, BrokenError)
    assert (first.seq, third.seq) == (1, 2)
    assert first.t == third.t
    assert record.found("Observation?code=http://a|1") == ["Observation/a"]
    assert record.found("Observation?code=http://b|2") == []
    assert record.found("Observation?code=http://c|1") == ["Observation/c"]
    assert record.found("Observation?subject=Patient/of-c") == ["Observation/c"]
    assert record.found("Observation?subject=Patient/of-b") == []


def test_a_work_that_fails_only_when_it_is_written_fails_alone(record: Record) -> None:
    """It creates what is there already, against the word of POST."""
    record.put(DU)

    def put(each: dict[str, Any], method: Method) -> Any:
        return lambda t: t.put(resource(each), each["id"], method)[0]

    first, second, third = record.together(
        put(observation("a", LOINC, "1"), "PUT"),
        put(DU | {"gender": "male"}, "POST"),
        put(observation("c", LOINC, "2"), "PUT"),
    )
    assert isinstance(second, Exception)
    assert (first.seq, third.seq) == (2, 3)
    assert content(record.read("Patient/du")) == DU
    assert record.versions("Patient") == ["Patient/du/1"]


def test_what_a_failed_work_looked_up_is_forgotten_with_what_it_made(record: Record) -> None:
    """Its systems and units get the numbers of others, and must not be found under them."""

    def work(transaction: Transaction) -> None:
        transaction.put(resource(observation("x", "http://lost", "1", "mg")), "x", "PUT")
        assert found(transaction, "Observation?code=http://lost|1") == ["Observation/x"]
        assert found(transaction, "Observation?value-quantity=5.4||mg") == ["Observation/x"]
        raise BrokenError

    with pytest.raises(BrokenError):
        record.commit(work)

    def next_work(transaction: Transaction) -> None:
        transaction.put(resource(observation("y", "http://kept", "1", "kg")), "y", "PUT")
        assert found(transaction, "Observation?code=http://lost|1") == []
        assert found(transaction, "Observation?value-quantity=5.4||mg") == []
        assert found(transaction, "Observation?code=http://kept|1") == ["Observation/y"]
        assert found(transaction, "Observation?value-quantity=5.4||kg") == ["Observation/y"]

    record.commit(next_work)


def test_what_a_failed_work_learned_of_texts_is_forgotten(record: Record) -> None:
    """So many texts of a kind that the store makes something of them; twice, differently."""

    def many(word: str) -> list[dict[str, Any]]:
        code = {"text": word * 20}
        return [{"resourceType": "Basic", "id": f"b{n}", "code": code} for n in range(50)]

    with pytest.raises(BrokenError):
        record.commit(failing(*many("lost")))

    def work(transaction: Transaction) -> None:
        for each in many("kept"):
            transaction.put(resource(each), each["id"], "PUT")
        for each in many("kept"):
            assert content(transaction.read(UNRESTRICTED, "Basic", each["id"])) == each

    record.commit(work)
    record.put(*many("again"))
    assert [content(record.read(f"Basic/b{n}")) for n in range(50)] == many("again")


def test_a_work_may_fail_on_the_way_and_again(record: Record) -> None:
    for n in range(20):
        with pytest.raises(BrokenError):
            record.commit(failing(observation(f"x{n}", f"http://{n}", str(n))))
        record.put(observation(f"y{n}", f"http://{n}", str(n)))
    assert len(record.found("Observation?_count=100")) == 20
    assert record.end() == 20


# Many at once


def test_of_many_conditional_creates_one_creates(record: Record) -> None:
    def create(id: str) -> Any:
        def work(transaction: Transaction) -> str:
            if there := found(transaction, "Patient?identifier=http://a|1"):
                return there[0]
            identifier = [{"system": "http://a", "value": "1"}]
            new = {"resourceType": "Patient", "id": id, "identifier": identifier}
            transaction.put(resource(new), id, "POST")
            return f"Patient/{id}"

        return work

    answers = record.together(*(create(f"p{n}") for n in range(50)))
    assert answers == ["Patient/p0"] * 50
    assert record.found("Patient") == ["Patient/p0"]


def test_of_many_increments_none_is_lost(record: Record) -> None:
    def number(version: Version | None) -> int:
        return int(content(version)["code"]["text"])

    def increment(transaction: Transaction) -> int:
        new = number(transaction.read(UNRESTRICTED, "Basic", "n")) + 1
        transaction.put(basic(new), "n", "PUT")
        return new

    def basic(value: int) -> Any:
        return resource({"resourceType": "Basic", "id": "n", "code": {"text": str(value)}})

    record.commit(lambda t: t.put(basic(0), "n", "PUT"))

    async def many() -> list[int]:
        return await asyncio.gather(*(record.store.commit(increment) for _ in range(100)))

    def client(_: int) -> list[int]:
        return asyncio.run(many())

    with ThreadPoolExecutor(4) as clients:
        answers = [n for each in clients.map(client, range(4)) for n in each]
    assert sorted(answers) == list(range(1, 401))
    assert number(record.read("Basic/n")) == 400


def test_readers_beside_a_writer_see_whole_works(record: Record) -> None:
    """Each work writes the same number into two resources; nobody ever sees two numbers."""

    def pair(n: int) -> list[dict[str, Any]]:
        code = {"coding": [{"code": str(n)}]}
        return [{"resourceType": "Basic", "id": id, "code": code} for id in ("a", "b")]

    record.put(*pair(0))
    done = threading.Event()

    def look() -> int:
        looks = 0
        while not done.is_set() or looks < 5:
            page = record.search("Basic?_sort=_id")
            assert names(page.hits) == ["Basic/a", "Basic/b"]
            first, second = (content(each)["code"] for each in page.hits)
            assert first == second
            looks += 1
        return looks

    with ThreadPoolExecutor(2) as readers:
        looking = [readers.submit(look) for _ in range(2)]
        for n in range(1, 60):
            record.put(*pair(n))
        done.set()
        assert all(each.result() >= 5 for each in looking)


def test_a_caller_who_went_away_does_not_stop_the_others(record: Record) -> None:
    """Its loop is closed before the writer could answer."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(transaction: Transaction) -> None:
        begun.set()
        go_on.wait()
        transaction.put(resource(DU), "du", "PUT")

    async def give_up() -> None:
        task = asyncio.create_task(record.store.commit(slow))
        await asyncio.to_thread(begun.wait)
        task.cancel()

    asyncio.run(give_up())
    go_on.set()
    record.put(observation("x", LOINC, "1"))
    assert record.found("Patient") == ["Patient/du"]
    assert record.found("Observation") == ["Observation/x"]


# The clock


@each_engine
@pytest.mark.parametrize("step", [-3_600_000_000, -1, 0, 1, 999, 1000])
def test_commit_numbers_increase_however_the_clock_goes(engine: Engine, step: int) -> None:
    with a_record(engine) as record:
        record.clock.step = step
        numbers = []
        for n in range(5):
            record.clock.now = START + n * step
            numbers.append(record.put(DU | {"birthDate": f"200{n}"}).t)
        assert numbers[0] <= START
        assert numbers == sorted(set(numbers))
        assert record.versions("Patient/du") == [f"Patient/du/{n}" for n in (5, 4, 3, 2, 1)]
        assert [each.t for each in record.feed(0, 10)] == numbers


def test_a_clock_set_back_leaves_the_past_in_order(record: Record) -> None:
    record.put(DU)
    record.clock.now = START - 3_600_000_000
    record.put(DU | {"gender": "male"})
    then = record.read("Patient/du", at=START // 1000 + 1)
    assert then is not None
    assert then.version == 2
    assert record.read("Patient/du", at=START // 1000 - 1) is None


# The feed


def test_the_feed_tells_everything_in_the_order_of_commits(record: Record) -> None:
    written = [
        record.put(DU),
        record.put(observation("x", LOINC, "1")),
        record.put(DU | {"gender": "male"}),
        record.delete("Patient", "du"),
    ]
    record.put(observation("x", LOINC, "1"))  # the same again
    assert list(record.feed(0, 100)) == written
    assert list(record.feed(2, 100)) == written[2:]
    assert list(record.feed(0, 3)) == written[:3]
    assert list(record.feed(4, 100)) == []
    assert record.end() == 4


def test_a_consumer_goes_on_where_it_was(record: Record) -> None:
    assert record.cursor("a") == 0
    record.commit(lambda t: t.advance("a", 3))
    record.commit(lambda t: t.advance("b", 5))
    record.commit(lambda t: t.advance("a", 4))
    assert (record.cursor("a"), record.cursor("b")) == (4, 5)


def test_a_step_of_a_consumer_and_its_writes_are_one(record: Record) -> None:
    def work(transaction: Transaction) -> None:
        transaction.put(resource(DU), "du", "PUT")
        transaction.advance("a", 1)
        raise BrokenError

    with pytest.raises(BrokenError):
        record.commit(work)
    assert (record.cursor("a"), record.end()) == (0, 0)


def test_clock_of_the_kit_is_what_the_store_shows(record: Record) -> None:
    record.clock.now = START + 5_000_000
    assert record.put(DU).t >= START + 5_000_000


# Closing


@each_engine
def test_closing_finishes_the_works_that_wait(engine: Engine) -> None:
    async def leave(record: Record) -> list[Any]:
        hold = threading.Event()
        works = [asyncio.create_task(record.store.commit(lambda _: hold.wait()))]
        for n in range(20):
            each = observation(f"o{n}", LOINC, str(n))
            work = lambda t, each=each: t.put(resource(each), each["id"], "PUT")[0].seq  # noqa: E731
            works.append(asyncio.create_task(record.store.commit(work)))
        await asyncio.sleep(0)
        hold.set()
        record.store.close()
        return (await asyncio.gather(*works))[1:]

    with engine() as open_here:
        record = Record(open_here(Clock()), Clock())
        assert asyncio.run(leave(record)) == list(range(1, 21))


@each_engine
def test_a_closed_store_takes_no_work(engine: Engine) -> None:
    with engine() as open_here:
        record = Record(open_here(Clock()), Clock())
        record.store.close()
        with pytest.raises(RuntimeError, match="closed"):
            record.put(DU)


@each_engine
def test_a_moment_parts_what_is_committed_before_from_what_comes_later(engine: Engine) -> None:
    with a_record(engine) as record:
        record.clock.step = 0  # a clock that stands still, and later is set back
        record.put(DU)

        def work(transaction: Transaction) -> int:
            moment: int = transaction.moment()
            transaction.put(resource(DU | {"id": "with"}), "with", "PUT")
            return moment

        moment = record.commit(work)
        record.clock.now -= 3_600_000_000
        after = record.put(DU | {"id": "after"})
        assert after.t // 1000 > moment
        then = record.versions("Patient", at=(moment, moment))
        assert sorted(then) == ["Patient/du/1", "Patient/with/1"]
