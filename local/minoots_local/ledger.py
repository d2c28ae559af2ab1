"""What of the tables survives a `kill -9`: their items, and how far each stream was read.

Queues and schedules are not in it; they are rebuilt from the items at start. The ledger writes
JSON records to a `Journal`:

    {"v": 1, "next": {table: number}, "readers": {table: {reader: number}}, "at": ms}     first record
    {"t": table, "i": image}                                       an item, as it stood at start
    {"t": table, "s": number, "a": ms, "r": [keys, old, new, expired]}
                                                       a write of an earlier run that a reader has not read
    {"t": table, "s": number, "a": ms, "n": image}                 an item was put
    {"t": table, "s": number, "a": ms, "k": keys}                  an item was removed ("x": by TTL)
    {"t": table, "c": reader, "p": number}                         a reader is done with what is before
    {"at": ms}                                                     the clock was advanced to this time
"""

import fcntl
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from minoots_local.aws.images import Image, Snapshot
from minoots_local.aws.streams import FIRST_SEQUENCE_NUMBER, StreamRecord, TableWrite
from minoots_local.errors import DataDirInUseError, JournalDamagedError
from minoots_local.journal import Journal, JournalReader, cut_torn_tail, write_new
from minoots_local.logs import logger

_log = logger("journal")
_FILE = "tables.journal"

_Key = tuple[str, ...]


@dataclass(slots=True)
class TableHistory:
    """What is known of one table at start.

    Attributes:
        items: Images by key, each as JSON.
        next_number: Sequence number of the next write.
        readers: Next sequence number for each reader.
        unread: Records that some reader has not read.
    """

    items: dict[_Key, bytes] = field(default_factory=dict)
    next_number: int = FIRST_SEQUENCE_NUMBER
    readers: dict[str, int] = field(default_factory=dict)
    unread: deque[StreamRecord] = field(default_factory=deque)

    def apply(self, entry: dict[str, Any], payload: bytes, key_names: tuple[str, ...]) -> None:
        """Bring one journal entry in, given read and as it stands in the journal."""
        if "i" in entry:
            image = entry["i"]
            self.items[_key(image, key_names)] = _last_part(payload, b"i")
        elif "c" in entry:
            self.readers[entry["c"]] = entry["p"]
            self._forget_read()
        elif "r" in entry:
            keys, old, new, expired = entry["r"]
            write = TableWrite(keys, _snapshot_of(old), _snapshot_of(new), expired)
            self.unread.append(StreamRecord(entry["s"], write, entry["a"]))
            self._forget_read()
        else:
            self._write(entry, payload, key_names)

    def _write(self, entry: dict[str, Any], payload: bytes, key_names: tuple[str, ...]) -> None:
        new: Image | None = entry.get("n")
        keys = entry["k"] if new is None else {name: new[name] for name in key_names}
        key = _key(keys, key_names)
        old, text = self.items.pop(key, None), _last_part(payload, b"n") if new is not None else None
        if text is not None:
            self.items[key] = text
        self.next_number = entry["s"] + 1
        if self.readers:
            before, after = (Snapshot(image) if image is not None else None for image in (old, text))
            write = TableWrite(keys, before, after, entry.get("x", False))
            self.unread.append(StreamRecord(entry["s"], write, entry.get("a", 0)))

    def keep_readers(self, names: tuple[str, ...]) -> None:
        """Forget readers that the template no longer has: they would hold records back for ever."""
        self.readers = {name: at for name, at in self.readers.items() if name in names}
        self._forget_read()

    def _forget_read(self) -> None:
        needed = min(self.readers.values(), default=self.next_number)
        while self.unread and self.unread[0].number < needed:
            self.unread.popleft()


def _key(image: Image, names: tuple[str, ...]) -> _Key:
    # A key attribute is of one type in all items of a table: its content alone tells two apart.
    return tuple(content for name in names for content in image[name].values())


def _last_part(payload: bytes, name: bytes) -> bytes:
    """The image that ends a record, as it stands there.

    Every quotation mark inside a text is escaped, so what introduces it cannot stand in the table's name before it.
    """
    return payload[payload.index(b',"%b":' % name) + len(name) + 4 : -1]


def _snapshot_of(image: Image | None) -> Snapshot | None:
    return Snapshot.of(image) if image is not None else None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What the ledger must know of a table of the template.

    Attributes:
        key_names: Its key attributes.
        readers: Who reads its stream; positions of others are forgotten.
    """

    key_names: tuple[str, ...]
    readers: tuple[str, ...] = ()


class Ledger:
    """Makes table writes durable in a data directory that it holds for itself.

    Args:
        directory: The data directory; made when it does not exist.
        tables: The template's tables by name.

    Attributes:
        histories: What was found, by table; let go of it once it is in place.
        newest_ms: The latest time at which an earlier run is known to have been up, epoch milliseconds.

    Raises:
        DataDirInUseError: Another stack holds the directory.
        JournalDamagedError: The directory's journal is not one of this version.
    """

    def __init__(self, directory: Path, tables: Mapping[str, TableSpec]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _hold(directory)
        self._path = directory / _FILE
        self.newest_ms = 0.0
        try:
            self.histories = self._load(tables)
            write_new(self._path, _compact(self.histories, self.newest_ms))
            self._journal = Journal(self._path)
        except BaseException:
            self._lock.close()
            raise

    @property
    def durable(self) -> int:
        """Ticket of the newest entry known to be on disk."""
        return self._journal.durable

    def note_write(self, table: str, number: int, write: TableWrite, created_ms: float) -> int:
        """Queue a write and return its ticket."""
        entry: dict[str, Any] = {"t": table, "s": number, "a": int(created_ms)}
        if write.after is not None:
            return self._journal.append(_ending_in(entry, b"n", write.after.text))
        entry["k"] = write.keys
        if write.expired:
            entry["x"] = True
        return self._journal.append(_encoded(entry))

    def note_position(self, table: str, reader: str, number: int) -> None:
        """Queue a reader's position; it becomes durable with the next write."""
        self._journal.append(_encoded({"t": table, "c": reader, "p": number}))

    def note_time(self, now_ms: float) -> None:
        """Make it durable that the clock has been at an instant, epoch milliseconds.

        Raises:
            JournalWriteError: The disk refused.
        """
        self._journal.sync(self._journal.append(_encoded({"at": int(now_ms)})))

    def sync(self, ticket: int) -> None:
        """Return once everything up to `ticket` is on disk.

        Raises:
            JournalWriteError: The disk refused.
        """
        self._journal.sync(ticket)

    def close(self) -> None:
        """Make everything durable and let go of the directory."""
        try:
            self._journal.close()
        finally:
            self._lock.close()

    def _load(self, tables: Mapping[str, TableSpec]) -> dict[str, TableHistory]:
        histories: dict[str, TableHistory] = {}
        if not self._path.exists():
            return histories
        reader = JournalReader(self._path)
        for payload in reader:
            entry = json.loads(payload)
            self.newest_ms = max(self.newest_ms, entry.get("a", 0), entry.get("at", 0))
            if "v" in entry:
                _apply_header(entry, histories)
            if "t" not in entry:
                continue
            table = entry["t"]
            if table not in tables:
                raise JournalDamagedError(
                    f"{self._path} holds items of {table}, which the template does not have; "
                    "use the template that wrote it, or another --data directory"
                )
            histories.setdefault(table, TableHistory()).apply(entry, payload, tables[table].key_names)
        cut_torn_tail(self._path, reader.good_bytes)
        for table, history in histories.items():
            history.keep_readers(tables[table].readers)
            _log.info(
                "loaded a table",
                extra={"table": table, "items": len(history.items), "unread": len(history.unread)},
            )
        return histories


class NoLedger:
    """Keeps nothing: the stack is gone when its process is."""

    durable = 0
    newest_ms = 0.0
    histories: Mapping[str, TableHistory] = {}

    def note_write(self, table: str, number: int, write: TableWrite, created_ms: float) -> int:
        """Nothing to do; the ticket is durable at once."""
        return 0

    def note_position(self, table: str, reader: str, number: int) -> None:
        """Nothing to do."""

    def note_time(self, now_ms: float) -> None:
        """Nothing to do."""

    def sync(self, ticket: int) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to close."""


def _apply_header(entry: dict[str, Any], histories: dict[str, TableHistory]) -> None:
    if entry["v"] != 1:
        raise JournalDamagedError(f"journal version {entry['v']} is newer than this program")
    for table, number in entry["next"].items():
        histories[table] = TableHistory(next_number=number, readers=dict(entry["readers"].get(table, {})))


def _compact(histories: Mapping[str, TableHistory], newest_ms: float) -> Iterator[bytes]:
    """The shortest journal that says the same."""
    yield _encoded(
        {
            "v": 1,
            "next": {table: history.next_number for table, history in histories.items()},
            "readers": {table: history.readers for table, history in histories.items()},
            "at": int(newest_ms),
        }
    )
    for table, history in histories.items():
        yield from _snapshot(table, history)


def _snapshot(table: str, history: TableHistory) -> Iterable[bytes]:
    for text in history.items.values():
        # "i": an item as it stands, not a write that a stream reader should see.
        yield _ending_in({"t": table}, b"i", text)
    for record in history.unread:
        write = record.write
        change = [write.keys, write.old, write.new, write.expired]
        yield _encoded({"t": table, "s": record.number, "r": change, "a": record.created_ms})


def _ending_in(entry: dict[str, Any], name: bytes, image: bytes) -> bytes:
    """A record with an image, which is JSON already, as its last part."""
    return b'%b,"%b":%b}' % (_encoded(entry)[:-1], name, image)


def _encoded(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()


def _hold(directory: Path) -> IO[str]:
    """Lock a data directory for this process; the lock ends with the process."""
    lock = (directory / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise DataDirInUseError(
            f"{directory} is in use by another local stack (pid {holder}); give this one another --data directory"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
