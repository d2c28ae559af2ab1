"""The journal: whole records or none, one fsync for many writers, nothing acknowledged that is not on disk."""

import errno
import os
import threading
from pathlib import Path

import pytest

from minoots_local import journal as journal_module
from minoots_local.errors import JournalDamagedError, JournalWriteError
from minoots_local.journal import MAGIC, Journal, JournalReader, cut_torn_tail, frame, write_new

RECORDS = [b"one", b"two" * 100, b"", b"last one"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tables.journal"
    write_new(file, [])
    return file


def written(path: Path, *payloads: bytes) -> None:
    journal = Journal(path)
    for payload in payloads:
        journal.append(payload)
    journal.close()


def read(path: Path) -> list[bytes]:
    reader = JournalReader(path)
    payloads = list(reader)
    cut_torn_tail(path, reader.good_bytes)
    return payloads


def test_what_was_appended_is_read_back_in_order(path: Path) -> None:
    written(path, *RECORDS)
    assert read(path) == RECORDS


def test_a_journal_cut_at_any_byte_of_its_last_record_keeps_the_others(path: Path) -> None:
    written(path, *RECORDS)
    whole = path.read_bytes()
    last = len(frame(RECORDS[-1]))
    for missing in range(1, last + 1):
        path.write_bytes(whole[:-missing])
        assert read(path) == RECORDS[:-1]
        assert path.stat().st_size == len(whole) - last, "the torn tail is cut off"
        written(path, b"more")
        assert read(path) == [*RECORDS[:-1], b"more"]


def test_a_journal_with_any_byte_of_its_last_record_wrong_keeps_the_others(path: Path) -> None:
    written(path, *RECORDS)
    whole = path.read_bytes()
    for at in range(len(whole) - len(frame(RECORDS[-1])), len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        assert read(path) == RECORDS[:-1]


def test_what_is_cut_off_is_kept_beside_the_journal(path: Path) -> None:
    written(path, b"kept")
    path.write_bytes(path.read_bytes() + b"half a rec")
    assert read(path) == [b"kept"]
    assert path.with_suffix(".torn").read_bytes() == b"half a rec"


@pytest.mark.parametrize("length", range(len(MAGIC)))
def test_a_file_killed_at_birth_is_an_empty_journal(path: Path, length: int) -> None:
    path.write_bytes(MAGIC[:length])
    assert list(JournalReader(path)) == []


def test_another_file_is_refused(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0 and more")
    with pytest.raises(JournalDamagedError, match="not a journal"):
        list(JournalReader(path))


def test_replacing_a_journal_keeps_the_old_one_until_the_new_is_whole(path: Path) -> None:
    written(path, b"old")

    def failing() -> "list[bytes]":
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space"):
        write_new(path, (payload for payload in [b"new", *iter_raising(failing)]))
    assert read(path) == [b"old"]


def iter_raising(fail: object) -> "list[bytes]":
    assert callable(fail)
    return list(fail())


def test_concurrent_writers_share_fsyncs_and_lose_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    real = os.fdatasync

    def slow_sync(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        threading.Event().wait(0.002)
        real(descriptor)

    monkeypatch.setattr(journal_module.os, "fdatasync", slow_sync)
    journal = Journal(path)

    def write(worker: int) -> None:
        for number in range(25):
            journal.sync(journal.append(f"{worker}:{number}".encode()))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.durable == journal.appended == 400
    journal.close()
    found = [payload.decode().split(":") for payload in read(path)]
    assert len(found) == 400
    for worker in range(16):
        assert [n for w, n in found if w == str(worker)] == [str(n) for n in range(25)]
    assert syncs < 200, "each fsync serves several writers"


def test_sync_returns_only_after_the_fsync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    monkeypatch.setattr(journal_module.os, "fdatasync", lambda _descriptor: synced.set())
    journal = Journal(path)
    ticket = journal.append(b"x")
    assert not synced.is_set()
    journal.sync(ticket)
    assert synced.is_set()


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, b"before")
    journal = Journal(path)
    real = os.pwrite

    def half_then_full(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > 4:
            return real(descriptor, bytes(data)[:4], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module.os, "pwrite", half_then_full)
    first = journal.append(b"first")
    with pytest.raises(JournalWriteError, match="No space left"):
        journal.sync(first)
    assert journal.durable == 0
    assert read(path) == [b"before"], "no half a record is left behind"
    monkeypatch.setattr(journal_module.os, "pwrite", real)
    journal.sync(journal.append(b"second"))
    journal.close()
    assert read(path) == [b"before", b"first", b"second"]


def test_everyone_waiting_on_a_refused_write_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def refuse(_descriptor: int) -> None:
        entered.set()
        go_on.wait(5)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_module.os, "fdatasync", refuse)
    journal = Journal(path)
    failures: list[Exception] = []

    def write() -> None:
        try:
            journal.sync(journal.append(b"x"))
        except JournalWriteError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    threads[0].start()
    assert entered.wait(5)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(failures) == 4
    assert journal.durable == 0
