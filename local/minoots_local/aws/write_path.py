"""From a table write to the disk and the stream: what happens as an AWS call ends."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from minoots_local.aws.lean_table import LeanDynamoBackend, LeanTable
from minoots_local.aws.outbox import Outbox
from minoots_local.aws.streams import TableStream, TableWrite
from minoots_local.clock import Clock
from minoots_local.ledger import TableHistory


class TableLedger(Protocol):
    """Where writes become durable; see `minoots_local.ledger`."""

    @property
    def durable(self) -> int:
        """Ticket of the newest entry known to be on disk."""
        ...

    def note_write(self, table: str, number: int, write: TableWrite, created_ms: float) -> int:
        """Queue a write and return its ticket."""
        ...

    def note_position(self, table: str, reader: str, number: int) -> None:
        """Queue a stream reader's position."""
        ...

    def sync(self, ticket: int) -> None:
        """Return once everything up to a ticket is on disk."""
        ...


class WritePath:
    """Journals the writes of each call, then shows them to the stream's readers.

    Args:
        backend: The tables.
        ledger: Where writes become durable.
        clock: Stamps the records.

    Attributes:
        listeners: Called, under the gate's lock, with each write that succeeded.
    """

    def __init__(self, backend: LeanDynamoBackend, ledger: TableLedger, clock: Clock) -> None:
        self._backend = backend
        self._ledger = ledger
        self._clock = clock
        self._announcing = threading.Lock()
        self._unannounced: list[tuple[int, TableStream]] = []
        self.listeners: list[Callable[[TableWrite], None]] = []
        self._newest_write = 0

    @property
    def durable(self) -> int:
        """Ticket of the newest write known to be on disk."""
        return self._ledger.durable

    def add_readers(self, readers: Mapping[str, Iterable[str]], histories: Mapping[str, TableHistory]) -> None:
        """Register who reads which table's stream, from where an earlier run stopped."""
        for table, names in readers.items():
            stream = outbox_of(self._backend.lean_tables[table]).stream
            history = histories.get(table)
            for name in names:
                stream.add_reader(name, history.readers.get(name) if history else None)
                self._ledger.note_position(table, name, stream.position(name))

    def seal(self, *, succeeded: bool) -> int:
        """Take note of the call's writes; the ticket covers all that it may have read, too."""
        for name, table in self._backend.lean_tables.items():
            outbox = outbox_of(table)
            if outbox.pending:
                self._note(name, outbox, succeeded=succeeded)
        # Not the ledger's newest entry: a reader's position is no reason to wait for the disk.
        return self._newest_write

    def settle(self, ticket: int) -> None:
        """Wait for the disk, then wake the readers of the streams.

        Raises:
            JournalWriteError: The disk refused.
        """
        self._ledger.sync(ticket)
        # Only what is on disk: a reader that is woken for a write that is not yet would look, and look no more.
        durable = self._ledger.durable
        with self._announcing:
            ready = {stream for number, stream in self._unannounced if number <= durable}
            self._unannounced = [(number, stream) for number, stream in self._unannounced if number > durable]
        for stream in ready:
            stream.announce()

    def note_position(self, table: str, reader: str, number: int) -> None:
        """Remember how far a stream was read."""
        self._ledger.note_position(table, reader, number)

    def _note(self, name: str, outbox: Outbox, *, succeeded: bool) -> None:
        now_ms, stream = self._clock.now_ms(), outbox.stream
        for write in outbox.take(succeeded=succeeded):
            ticket = self._ledger.note_write(name, stream.next_number, write, now_ms)
            stream.append(write, now_ms, ticket)
            self._newest_write = ticket
            for listener in self.listeners:
                listener(write)
        with self._announcing:
            self._unannounced.append((self._newest_write, stream))


def outbox_of(table: LeanTable) -> Outbox:
    """The outbox of a table; every lean table has one."""
    outbox = table.stream_shard
    assert isinstance(outbox, Outbox)
    return outbox
