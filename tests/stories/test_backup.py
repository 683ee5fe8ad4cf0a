"""Backup and restore, as those who run a hospital's record meet them."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import resource as limits
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import apsw
import httpx
import msgspec
import pytest

from tests.kit.mortal import free_port
from tests.kit.places import (
    PLACES,
    Lasting,
    a_folder,
    each_place,
    everything,
    opened,
)
from tests.kit.record import Clock, Json, Record, content
from tests.kit.server import FHIR, running_server
from xinglin.cli import main
from xinglin.fhir.outcome import Refused
from xinglin.server.backups.keeping import moment_of
from xinglin.store import backups
from xinglin.store.relational.frames import FrameReader, FrameWriter
from xinglin.store.sqlite.database import Sqlite

UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
DU: Json = {"resourceType": "Patient", "id": "du", "name": [{"family": "Du"}]}
SHOE_SIZE: Json = {
    "resourceType": "SearchParameter",
    "url": "http://example.org/shoe-size",
    "name": "shoe-size",
    "status": "active",
    "description": "Of patients.",
    "code": "shoe-size",
    "base": ["Patient"],
    "type": "number",
    "expression": "Patient.extension('http://example.org/shoe-size').value",
}


def patient(id: str, size: int = 42) -> Json:
    shoe = {"url": "http://example.org/shoe-size", "valueDecimal": size}
    return {"resourceType": "Patient", "id": id, "extension": [shoe], "gender": "female"}


def observation(id: str, code: str, system: str = "http://loinc.org") -> Json:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": system, "code": code, "display": f"The {code}"}]},
        "subject": {"reference": "Patient/du"},
        "effectiveDateTime": "2023-05-06",
        "valueQuantity": {"value": 5.4, "unit": "mg", "code": "mg", "system": "http://u.org"},
    }


def busy(record: Record) -> None:
    """A little of everything that a record can hold."""
    record.put(DU, patient(UUID, 39), observation("a", "1"), observation("b", "2"))
    for number in range(40):  # enough of them for a dictionary
        record.put(observation(f"o{number}", str(number)))
    record.put(observation("a", "3"))
    record.put(observation("b", "2") | {"subject": {"reference": "Patient/li"}})
    record.delete("Observation", "o7")
    document = {"contentType": "text/plain", "data": "6K+X".ljust(4000, "A")}
    record.put({"resourceType": "Binary", "id": "poem"} | document)
    record.commit(lambda t: t.advance("subscription", 17))


async def brought_into_force(record: Record) -> None:
    async for _ in record.store.reindex([json.dumps(SHOE_SIZE).encode()]):
        pass


def backup(place: Path | str) -> io.BytesIO:
    out = io.BytesIO()
    backups.pour(place, out, made=1)
    out.seek(0)
    return out


def xinglin(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def at(place: Path | str) -> tuple[str, str]:
    return ("--database", place) if isinstance(place, str) else ("--data", str(place))


# There and back


@pytest.mark.parametrize("into", PLACES)
@pytest.mark.parametrize("of", PLACES)
def test_all_that_a_record_can_do_it_can_do_after_it_was_restored(
    of: Lasting, into: Lasting
) -> None:
    questions = (
        "Observation?code=http://loinc.org|3",
        "Observation?subject=Patient/du&_sort=-date&_count=5",
        "Observation?value-quantity=5.4",
        "Observation?code:text=the 1",
        "Patient?_has:Observation:subject:code=1",
        f"Patient?_id={UUID}",
    )
    with of() as source, into() as target:
        clock = Clock()
        with opened(source, clock) as record:
            busy(record)
            asyncio.run(brought_into_force(record))
            feed, found = record.feed(0, 100), [record.found(each) for each in questions]
            history, poem = record.history().versions, record.read("Binary/poem")
        backups.restore(backup(source), target)
        with opened(target, clock) as copy:
            assert copy.feed(0, 100) == feed
            assert [copy.found(each) for each in questions] == found
            assert copy.history().versions == history
            assert copy.read("Binary/poem") == poem
            assert copy.cursor("subscription") == 17
            assert copy.store.registry.find("Patient", "shoe-size") is not None
            # It goes on with the next numbers, also of what it never heard of before.
            new = copy.put(observation("a", "new", "http://new.org"))
            assert (new.seq, new.version) == (feed[-1].seq + 1, 3)
            assert copy.found("Observation?code=http://new.org|new") == ["Observation/a"]
            copy.put({"resourceType": "Basic", "id": "x", "code": {"text": "first of its type"}})
            assert copy.found("Basic") == ["Basic/x"]


@each_place
def test_a_backup_holds_what_was_there_when_it_was_begun(a_place: Lasting) -> None:
    """Somebody writes after each portion of it."""
    with a_place() as place, opened(place) as record:
        busy(record)
        before, feed = everything(place), list(record.feed(0, 1000))
        written: list[int] = []

        def write(_: int) -> None:
            written.append(record.put(patient("li", len(written))).seq)
            record.put(observation(f"w{len(written)}", "9"))
            record.delete("Observation", "a")

        out = io.BytesIO()
        made = backups.pour(place, out, made=1, watch=write)
        assert len(written) > 10
        assert made.manifest.seq == feed[-1].seq
        out.seek(0)
        with a_folder() as copy:
            backups.restore(out, copy)
            assert everything(copy) == before
        assert (
            content(record.read("Patient/li"))["extension"][0]["valueDecimal"] == len(written) - 1
        )


# What is refused


@each_place
def test_a_backup_is_not_restored_over_a_record(a_place: Lasting) -> None:
    with a_folder() as source, a_place() as place:
        with opened(source) as record:
            record.put(DU)
        with opened(place) as record:
            record.put(patient("li"))
        before = everything(place)
        with pytest.raises(Refused, match=r"store\.(record-there|database-taken)"):
            backups.restore(backup(source), place)
        assert everything(place) == before


def test_a_log_that_a_record_left_behind_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "place"
    with opened(source) as record:
        record.put(DU)
    place.mkdir()
    (place / "record.sqlite-wal").write_bytes(b"old")
    with pytest.raises(Refused, match=r"store\.record-there"):
        backups.restore(backup(source), place)
    assert (place / "record.sqlite-wal").read_bytes() == b"old"


@each_place
def test_of_a_damaged_backup_nothing_is_left(a_place: Lasting) -> None:
    with a_folder() as source, a_place() as place:
        with opened(source) as record:
            busy(record)
        whole = backup(source).getvalue()
        flipped = bytearray(whole)
        flipped[-40] ^= 1
        for damaged in (whole[:-1], whole[: len(whole) // 2], bytes(flipped), whole + b"\n"):
            with pytest.raises(Refused, match=r"store\.backup-damaged"):
                backups.restore(io.BytesIO(damaged), place)
        backups.restore(io.BytesIO(whole), place)  # as if none had been tried
        assert everything(place) == everything(source)


def changed(whole: bytes, kind: bytes, contents: bytes, **manifest: Any) -> bytes:
    """The same backup, with right checksums, but with other frames of this kind."""
    source, target = io.BytesIO(whole), io.BytesIO()
    frames, writer = FrameReader(source), FrameWriter(target)
    while source.tell() < len(whole):
        read, inside = frames.read()
        if read == b"M":
            inside = msgspec.json.encode(msgspec.json.decode(inside) | manifest)
        writer.write(read, contents if read == kind else inside)
    return target.getvalue()


def test_a_backup_of_another_edition_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        record.put(DU)
    whole = backup(tmp_path / "a").getvalue()
    newer = whole.replace(b"xinglin backup 1\n", b"xinglin backup 2\n", 1)
    for other, key in (
        (newer, "store.backup-newer"),
        (changed(whole, b"-", b"", schema=99), "store.backup-other-schema"),
    ):
        with pytest.raises(Refused, match=key):
            backups.restore(io.BytesIO(other), tmp_path / "b")
        assert not (tmp_path / "b").exists()


def test_a_backup_that_somebody_made_up_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        record.put(DU)
    whole = backup(tmp_path / "a").getvalue()
    for kind, contents in (
        (b"M", b"[]"),
        (b"M", b"{"),
        (b"T", b"sqlite_schema"),
        (b"T", b"\xff"),
        (b"R", b"no zstd"),
        (b"E", b"{}"),
        (b"E", b"["),
    ):
        with pytest.raises(Refused, match=r"store\.backup-damaged"):
            backups.restore(io.BytesIO(changed(whole, kind, contents)), tmp_path / "b")
        assert not (tmp_path / "b").exists()


# When it goes wrong


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Every write beyond it fails, as on a full disk."""
    soft, hard = limits.getrlimit(limits.RLIMIT_FSIZE)
    limits.setrlimit(limits.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_backup_that_was_there_and_no_part(tmp_path: Path) -> None:
    record, file = tmp_path / "record", tmp_path / "backups" / "a.backup"
    file.parent.mkdir()
    with opened(record) as written:
        busy(written)
        backups.write(record, file, made=1)
        good = file.read_bytes()
        for size in (0, 100, len(good) - 1):
            with no_file_above(size), pytest.raises(OSError, match="File too large") as failed:
                backups.write(record, file, made=2, over=True)
            assert failed.value.errno == errno.EFBIG
            assert [each.name for each in file.parent.iterdir()] == ["a.backup"]
            assert file.read_bytes() == good
        backups.write(record, file, made=3, over=True)
        assert file.read_bytes() != good


def test_a_disk_that_is_full_in_the_middle_is_told_as_that(tmp_path: Path) -> None:
    with closing(Sqlite(str(tmp_path / "record"), cache_kib=64)) as database:
        for pragma in ("journal_mode = DELETE", "journal_mode = OFF", "max_page_count = 99"):
            database.execute(f"PRAGMA {pragma}").fetchall()
        with pytest.raises(apsw.FullError), database.transaction():
            database.execute("CREATE TABLE large (text)")
            database.insert("large", ("text",), [(os.urandom(5000),) for _ in range(999)])
        assert not database.in_transaction


def test_a_full_disk_leaves_nothing_of_what_was_to_be_restored(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        busy(record)
    file = backup(tmp_path / "a")
    with no_file_above(100_000), pytest.raises(Refused, match=r"store\.cannot-keep"):
        backups.restore(file, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    file.seek(0)
    backups.restore(file, tmp_path / "b")
    assert everything(tmp_path / "b") == everything(tmp_path / "a")


@each_place
def test_of_a_restore_that_is_killed_nothing_looks_like_a_record(a_place: Lasting) -> None:
    with a_folder() as source, a_place() as place:
        with opened(source) as record:
            busy(record)
        whole = backup(source).getvalue()
        command = [sys.executable, "-m", "xinglin.cli", "restore", "-", *at(place)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as restoring:
            assert restoring.stdin is not None
            restoring.stdin.write(whole[:-100])
            restoring.stdin.flush()
            time.sleep(2)  # it has read that, or has not even begun: both must come out right
            restoring.send_signal(signal.SIGKILL)
        if isinstance(place, Path):
            assert not (place / "record.sqlite").exists()
        backups.restore(io.BytesIO(whole), place)
        assert everything(place) == everything(source)


# On the command line


def test_backup_and_restore_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path / "a") as record:
        busy(record)
        # While it is open, as by a server.
        assert xinglin("backup", tmp_path / "x.backup", "--data", tmp_path / "a", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["rows"]["ver"] == made["seq"] == 48
    assert made["bytes"] == (tmp_path / "x.backup").stat().st_size
    assert (tmp_path / "x.backup").stat().st_mode & 0o077 == 0  # nobody else may read it

    assert xinglin("backup", tmp_path / "x.backup", "--data", tmp_path / "a") == 1
    assert "already" in capsys.readouterr().err
    assert xinglin("backup", tmp_path / "x.backup", "--data", tmp_path / "a", "--force") == 0
    assert xinglin("backup", tmp_path / "y.backup", "--data", tmp_path / "nowhere") == 3
    assert xinglin("backup", tmp_path / "no" / "y.backup", "--data", tmp_path / "a") == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "x.backup"]

    capsys.readouterr()
    assert xinglin("restore", tmp_path / "x.backup", "--check") == 0
    assert "whole" in capsys.readouterr().err
    assert xinglin("restore", tmp_path / "x.backup", "--data", tmp_path / "b", "--verify") == 0
    assert everything(tmp_path / "b") == everything(tmp_path / "a")
    assert xinglin("restore", tmp_path / "x.backup", "--data", tmp_path / "b") == 1
    assert xinglin("restore", tmp_path / "none.backup", "--data", tmp_path / "c") == 1
    assert xinglin("restore", tmp_path / "a" / "record.sqlite", "--data", tmp_path / "c") == 1
    assert not (tmp_path / "c").exists()


def test_of_a_record_that_cannot_be_read_there_is_no_backup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(tmp_path / "a") as record:
        busy(record)
    with (tmp_path / "a" / "record.sqlite").open("r+b") as file:
        for page in range(2, 80):
            file.seek(page * 4096)
            file.write(b"torn" * 1024)
    assert xinglin("backup", tmp_path / "x.backup", "--data", tmp_path / "a") == 3
    assert "malformed" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_database_that_is_none_or_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "postgresql://somebody:secret@[wrong/name"
    assert xinglin("backup", tmp_path / "x.backup", "--database", wrong) == 1
    gone = f"postgresql://somebody:secret@127.0.0.1:{free_port()}/name"
    assert xinglin("backup", tmp_path / "x.backup", "--database", gone) == 3
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "secret" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_restored_into(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        record.put(DU)
        backups.write(tmp_path / "a", tmp_path / "x.backup", made=1)
        assert xinglin("restore", tmp_path / "x.backup", "--data", tmp_path / "a") == 3


def test_a_backup_goes_through_a_pipe(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as record:
        busy(record)
    program = f"{sys.executable} -m xinglin.cli"
    command = f"{program} backup - --data {tmp_path}/a | {program} restore - --data {tmp_path}/b"
    subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602
    assert everything(tmp_path / "b") == everything(tmp_path / "a")


# By the server itself


def until(holds: Callable[[], object], pause: float = 0.05) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(pause)


@contextmanager
def a_server(
    place: Path | str, errors: IO[str] | None = None, **backup: str | Path
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`backup`: its settings of that name."""
    with pytest.MonkeyPatch.context() as patch, a_folder() as folder:
        for name, value in backup.items():
            patch.setenv(f"XINGLIN_BACKUP_{name.upper()}", str(value))
        database = ("--database", place) if isinstance(place, str) else ()
        data = folder if isinstance(place, str) else place
        with running_server(data, *database, errors=errors) as running:
            yield running


def made(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*.backup") if each.stat().st_size)


@each_place
def test_the_server_makes_backups_and_removes_the_oldest(a_place: Lasting, tmp_path: Path) -> None:
    for day in range(1, 10):
        (tmp_path / f"xinglin-2020010{day}T020000Z.backup").touch()
    (tmp_path / "xinglin-20200109T020000Z.backup.x7.part").touch()  # of one that was killed
    (tmp_path / "mine.backup").touch()
    with a_place() as place:
        with opened(place) as record:
            busy(record)
        with a_server(place, folder=tmp_path, keep="3", keep_weeks="0") as (root, _):
            until(lambda: made(tmp_path))
            until(lambda: len(list(tmp_path.iterdir())) == 4)
            [latest] = made(tmp_path)
            metrics = httpx.get(f"{root}/metrics").text
        assert sorted(each.name for each in tmp_path.iterdir()) == [
            "mine.backup",
            "xinglin-20200108T020000Z.backup",
            "xinglin-20200109T020000Z.backup",
            latest,
        ]
        moment = moment_of(latest)
        assert moment is not None
        told = dict(line.rsplit(" ", 1) for line in metrics.splitlines())
        assert float(told["xinglin_backup_last_success_timestamp_seconds"]) == moment.timestamp()
        size = (tmp_path / latest).stat().st_size
        assert float(told["xinglin_backup_last_size_bytes"]) == size
        with a_folder() as copy, (tmp_path / latest).open("rb") as file:
            backups.restore(file, copy)
            assert everything(copy)["ver"] == everything(place)["ver"]


def test_after_a_restart_the_server_waits_until_the_next_is_due(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    with a_server(tmp_path / "a", folder=folder, every="1h"):
        until(lambda: folder.exists() and made(folder))
    before = made(folder)
    with a_server(tmp_path / "a", folder=folder, every="1h") as (root, _):
        assert httpx.get(f"{root}/readyz").status_code == 200
        time.sleep(1)  # one that is due is begun at once
        assert sorted(each.name for each in folder.iterdir()) == before


def test_names_of_a_time_to_come_count_for_nothing(tmp_path: Path) -> None:
    folder, log = tmp_path / "b", tmp_path / "log"
    folder.mkdir()
    later = [f"xinglin-2999010{day}T020000Z.backup" for day in range(1, 10)]
    for name in later:
        (folder / name).touch()
    with (
        log.open("w") as errors,
        a_server(tmp_path / "a", errors, folder=folder, keep="3", keep_weeks="0") as (root, _),
    ):
        until(lambda: "backup made" in log.read_text())
        time.sleep(1)  # one that is due is begun at once
        [latest] = made(folder)
        told = dict(line.rsplit(" ", 1) for line in httpx.get(f"{root}/metrics").text.splitlines())
    assert log.read_text().count("backup made") == 1
    assert sorted(each.name for each in folder.iterdir()) == [latest, *later]
    moment = moment_of(latest)
    assert moment is not None
    assert float(told["xinglin_backup_last_success_timestamp_seconds"]) == moment.timestamp()


def test_a_backup_that_fails_is_logged_and_the_server_goes_on(tmp_path: Path) -> None:
    folder, log = tmp_path / "b", tmp_path / "log"
    folder.write_text("no folder")
    with log.open("w") as errors, a_server(tmp_path / "a", errors, folder=folder) as (root, _):
        until(lambda: "backup failed" in log.read_text())
        answer = httpx.post(f"{root}/fhir/Patient", json=DU, headers=FHIR)
        assert answer.status_code == 201
        assert httpx.get(f"{root}/metrics").status_code == 200


def test_a_server_that_is_stopped_leaves_no_part_of_a_backup(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    with opened(tmp_path / "a") as record:
        record.put(*(patient(f"p{number}") for number in range(3000)))
    with a_server(tmp_path / "a", folder=folder) as (_, process):
        until(lambda: any(folder.iterdir()), pause=0.001)
        [writing] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(writing), signal.SIGSTOP)
        assert [each.suffix for each in folder.iterdir()] == [".part"]
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert list(folder.iterdir()) == []
    assert not Path(f"/proc/{writing}").exists()
