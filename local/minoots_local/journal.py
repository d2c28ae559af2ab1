"""An append-only file of records, durable by group commit, whole up to its last record.

A record is four bytes of length, four of CRC-32 (both little-endian, over the payload) and the
payload. Whatever follows the last whole record was never acknowledged: a crash cut it off.
"""

import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from minoots_local.errors import JournalDamagedError, JournalWriteError
from minoots_local.logs import logger

MAGIC = b"MINOOTS1"
_FRAME = struct.Struct("<II")
# A table item is 400 KB at most; a length beyond this is not one that was written.
_LONGEST = 64 * 1024 * 1024

_log = logger("journal")


def frame(payload: bytes) -> bytes:
    """One record as it lies in the file."""
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


class JournalReader:
    """Reads whole records from the start; `good_bytes` is where the last of them ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.good_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield payloads until the end or the first record that is not whole.

        Raises:
            JournalDamagedError: The file does not start like a journal.
        """
        with self._path.open("rb") as file:
            magic = file.read(len(MAGIC))
            if magic != MAGIC:
                if MAGIC.startswith(magic):  # killed while the file was being born
                    return
                raise JournalDamagedError(f"{self._path} is not a journal of this version")
            self.good_bytes = len(MAGIC)
            while (payload := self._next(file.read)) is not None:
                self.good_bytes += _FRAME.size + len(payload)
                yield payload

    @staticmethod
    def _next(read: Callable[[int], bytes]) -> bytes | None:
        head = read(_FRAME.size)
        if len(head) < _FRAME.size:
            return None
        length, checksum = _FRAME.unpack(head)
        if length > _LONGEST:
            return None
        payload = read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return None
        return payload


def cut_torn_tail(path: Path, good_bytes: int) -> int:
    """Cut off what follows the last whole record, keeping it beside the journal.

    Returns:
        How many bytes were cut.
    """
    torn = path.stat().st_size - good_bytes
    if torn <= 0:
        return 0
    with path.open("rb+") as file:
        file.seek(good_bytes)
        path.with_suffix(".torn").write_bytes(file.read())
        file.truncate(good_bytes)
        os.fsync(file.fileno())
    _log.warning(
        "cut off an unfinished record that was never acknowledged",
        extra={"bytes": torn, "kept": str(path.with_suffix(".torn"))},
    )
    return torn


def write_new(path: Path, payloads: Iterable[bytes]) -> None:
    """Replace a journal by one with these records, atomically and durably."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb", buffering=1 << 20) as file:
        file.write(MAGIC)
        for payload in payloads:
            file.write(frame(payload))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Journal:
    """Appends records; concurrent writers share one fsync.

    `append` is cheap and gives a ticket; `sync` returns once everything up to a ticket is on disk.
    After a failed write nothing is lost: the records stay in memory, the file is cut back to what
    was durable, and the next `sync` tries again.

    Args:
        path: An existing journal, its torn tail already cut.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR)
        self._durable_bytes = os.fstat(self._descriptor).st_size
        self._condition = threading.Condition()
        self._waiting: list[bytes] = []
        self._appended = 0
        self._durable = 0
        self._failures = 0
        self._failure: OSError | None = None
        self._flushing = False

    @property
    def appended(self) -> int:
        """Ticket of the newest record."""
        return self._appended

    @property
    def durable(self) -> int:
        """Ticket of the newest record known to be on disk."""
        return self._durable

    def append(self, payload: bytes) -> int:
        """Queue a record and return its ticket."""
        with self._condition:
            self._waiting.append(frame(payload))
            self._appended += 1
            return self._appended

    def sync(self, ticket: int) -> None:
        """Return once every record up to `ticket` is on disk.

        Raises:
            JournalWriteError: The disk refused; nothing up to `ticket` may be acknowledged.
        """
        if ticket <= self._durable:
            return
        with self._condition:
            failures = self._failures
            while self._durable < ticket:
                if self._failures != failures:
                    raise JournalWriteError(f"{self._path}: {self._failure}")
                if self._flushing:
                    self._condition.wait()
                else:
                    self._flush()

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        try:
            self.sync(self._appended)
        finally:
            os.close(self._descriptor)

    def _flush(self) -> None:
        """Write what waits, leaving the condition open to other writers meanwhile."""
        batch, self._waiting = self._waiting, []
        upto, self._flushing = self._appended, True
        data = b"".join(batch)
        self._condition.release()
        failure: OSError | None = None
        try:
            self._write(data)
        except OSError as error:
            failure = error
        finally:
            self._condition.acquire()
            self._flushing = False
            self._settle(batch, len(data), upto, failure)
            self._condition.notify_all()

    def _settle(self, batch: list[bytes], size: int, upto: int, failure: OSError | None) -> None:
        if failure is None:
            self._durable, self._durable_bytes = upto, self._durable_bytes + size
            return
        self._waiting = batch + self._waiting
        self._failures += 1
        self._failure = failure
        _log.critical(
            "the disk refuses writes: nothing is acknowledged until it takes them",
            extra={"file": str(self._path), "error": failure},
        )

    def _write(self, data: bytes) -> None:
        try:
            view, offset = memoryview(data), self._durable_bytes
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                view, offset = view[written:], offset + written
            os.fdatasync(self._descriptor)
        except OSError:
            # Half a batch must not stand in the file: the next attempt writes all of it again.
            os.ftruncate(self._descriptor, self._durable_bytes)
            raise
