"""The embedded record on a disk that fails, and by a clock that does: what was acknowledged stays,
what was not is whole or not there, and writing goes on as soon as it can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import apsw
import pytest

from tests.kit.disk import FailingDisk, failing_disk
from tests.kit.record import Clock, Engine, Json, Record, each_engine
from tests.kit.record import a_record as in_a_record
from xinglin.fhir.outcome import Refused
from xinglin.store.face import Version
from xinglin.store.sqlite import lane, open_store

HOUR = 3_600_000_000  # µs


def patient(id: str, text: str = "x") -> Json:
    return {"resourceType": "Patient", "id": id, "name": [{"family": text}]}


def opened(folder: Path, clock: Clock) -> Record:
    return Record(open_store(folder, clock=clock), clock)


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    with failing_disk() as found:
        yield found


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is brought into the database every few commits."""
    monkeypatch.setattr(lane, "LOG_PAGES", 8)


def close(record: Record) -> None:
    try:
        record.store.close()
    except (
        apsw.IOError
    ):  # from below SQLite, which itself leaves the log where it is, and is silent
        record.store.close()


def check(folder: Path, acknowledged: Sequence[Version], refused: Sequence[set[str]]) -> None:
    """A record holds all that was acknowledged; of the others each whole or nothing of it."""
    record = opened(folder, Clock())
    try:
        feed = record.feed(0, 10_000)
        assert [each.seq for each in feed] == list(range(1, len(feed) + 1))
        assert [each.t for each in feed] == sorted(each.t for each in feed)
        there = {(each.id, each.t) for each in feed}
        assert {(each.id, each.t) for each in acknowledged} <= there
        ids = {each.id for each in feed}
        for work in refused:
            assert work <= ids or not work & ids
        live = sorted(f"Patient/{id}" for id in ids)
        assert sorted(record.found("Patient?_count=1000")) == live
        assert record.search("Patient?_summary=count").total == len(live)
        record.put(patient("after"))
    finally:
        record.store.close()
    connection = apsw.Connection(str(folder / "record.sqlite"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# fsync


@pytest.mark.usefixtures("short_log")
@pytest.mark.parametrize("seed", range(15))
def test_whatever_fsync_fails_what_was_acknowledged_outlives_a_loss_of_power(
    tmp_path: Path, disk: FailingDisk, seed: int
) -> None:
    """Of the log or of the database, at once or when the system writes back by itself; with
    readers in between, so that the log is brought in by halves; and opened again on the way."""
    chance = Random(seed)  # noqa: S311
    clock = Clock()
    record = opened(tmp_path / "a", clock)
    acknowledged: list[Version] = []
    refused: list[set[str]] = []
    for n in range(50):
        fault = chance.random()
        if fault < 0.15:
            disk.fail_next(chance.choice(("record.sqlite", "-wal")))
        elif fault < 0.3:
            disk.write_back_fails()
        elif fault < 0.35:
            disk.failing.clear()  # of opening a record on a failing disk there is another story
            close(record)
            record = opened(tmp_path / "a", clock)
        if chance.random() < 0.5:
            record.end()  # and see that moment on
        text = chance.randbytes(chance.choice((10, 3000))).hex()
        written = [patient(f"{n}-{part}", text) for part in range(chance.choice((1, 1, 3)))]
        try:
            acknowledged.append(record.put(*written))
        except Refused as error:
            assert error.issues[0].key == "store.in-doubt"
            refused.append({each["id"] for each in written})
    assert len(acknowledged) > 20
    disk.lose_power(tmp_path / "b", chance)
    disk.failing.clear()
    close(record)
    for folder in ("a", "b"):
        check(tmp_path / folder, acknowledged, refused)


def test_a_commit_that_the_disk_did_not_confirm_is_told_as_doubtful(
    tmp_path: Path, disk: FailingDisk
) -> None:
    record = opened(tmp_path, Clock())
    kept = record.put(patient("kept"))
    disk.fail_next("-wal")
    with pytest.raises(Refused, match=r"store\.in-doubt"):
        record.put(patient("doubtful"))
    assert record.found("Patient") == ["Patient/kept"]
    assert record.feed(0, 10) == [kept]
    after = record.put(patient("after"))
    assert (after.seq, record.found("Patient?_sort=_id")) == (2, ["Patient/after", "Patient/kept"])
    record.store.close()


@pytest.mark.usefixtures("short_log")
def test_while_the_database_cannot_be_synced_the_log_keeps_everything(
    tmp_path: Path, disk: FailingDisk
) -> None:
    record = opened(tmp_path / "a", Clock())
    written = []
    for n in range(30):
        if n == 10:
            disk.fail_next("record.sqlite")
        written.append(record.put(patient(str(n), "x" * 3000)))
    assert not disk.failing, "there was such an fsync"
    assert len(record.found("Patient?_count=100")) == 30
    record.store.close()
    assert (tmp_path / "a" / "record.sqlite-wal").stat().st_size > 30 * 3000
    disk.lose_power(tmp_path / "b", Random(1))  # noqa: S311
    check(tmp_path / "b", written, [])
    check(tmp_path / "a", written, [])
    assert not (tmp_path / "a" / "record.sqlite-wal").exists(), "opened again, all is as ever"


# Writing


@pytest.mark.usefixtures("short_log")
@pytest.mark.parametrize("where", ["record.sqlite", "-wal"])
def test_a_write_that_fails_is_refused_or_put_off(
    tmp_path: Path, disk: FailingDisk, where: str
) -> None:
    """That of the log is a commit's; that of the database file can wait, the log has it."""
    record = opened(tmp_path, Clock())
    written = [record.put(patient("first"))]
    disk.unwritable = where
    for n in range(12):
        try:
            written.append(record.put(patient(str(n), "x" * 3000)))
        except Refused as error:
            assert error.issues[0].key == "store.cannot-keep"
        assert len(record.found("Patient?_count=100")) == len(written)
    assert len(written) == (1 if where == "-wal" else 13)
    disk.unwritable = None
    written += [record.put(patient(f"more{n}", "x" * 3000)) for n in range(5)]
    record.store.close()
    check(tmp_path, written, [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_on_a_failing_disk_a_record_is_not_opened_and_later_it_is(
    tmp_path: Path, disk: FailingDisk
) -> None:
    for fault in ("record.sqlite", "-wal"):
        disk.unwritable = fault
        with pytest.raises(Refused, match=r"store\.cannot-keep"):
            open_store(tmp_path, clock=Clock())
    disk.unwritable = None
    check(tmp_path, [], [])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("where", ["-journal", "-wal"])
def test_a_new_record_that_the_disk_does_not_confirm_is_begun_again(
    tmp_path: Path, disk: FailingDisk, where: str
) -> None:
    disk.fail_next(where)
    with pytest.raises(Refused, match=r"store\.(cannot-keep|in-doubt)"):
        open_store(tmp_path, clock=Clock())
    check(tmp_path, [], [])


# The clock


@each_engine
@pytest.mark.parametrize("step", [0, 1, 1000])  # µs: it stands still, or creeps, or goes
def test_when_the_clock_steps_back_time_goes_on_and_does_not_run_away(
    engine: Engine, step: int
) -> None:
    with in_a_record(engine) as record:
        before = record.put(patient("before"))
        record.clock.now -= HOUR
        record.clock.step = step
        times = [record.put(patient(str(n))).t for n in range(50)]
        assert times == sorted(set(times))
        assert times[0] > before.t
        assert times[-1] - before.t <= 50, "a microsecond a commit, until the clock has caught up"
        feed = record.feed(0, 100)
        assert [each.t for each in feed] == [before.t, *times]
        record.clock.now = before.t + HOUR
        record.clock.step = 1000
        right = record.put(patient("right"))
        assert abs(right.t - record.clock.now) < 1_000_000
        assert record.versions(since=(before.t + HOUR) // 1000) == ["Patient/right/1"]


@each_engine
def test_a_clock_that_jumps_ahead_and_is_put_right_delays_nothing(engine: Engine) -> None:
    with in_a_record(engine) as record:
        record.clock.now += 24 * HOUR
        ahead = record.put(patient("ahead"))
        record.clock.now -= 24 * HOUR
        times = [record.put(patient(str(n))).t for n in range(5)]
        assert all(ahead.t < t <= ahead.t + 5 for t in times)
        assert len(record.found("Patient?_count=100")) == 6
