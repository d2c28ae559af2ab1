"""DynamoDB's time to live: removes items some time after the second that they name."""

from moto.dynamodb.models.dynamo_type import DynamoType

from minoots_local.aws.gate import AwsGate
from minoots_local.aws.lean_table import LeanDynamoBackend
from minoots_local.aws.write_path import outbox_of
from minoots_local.clock import Clock, next_of_period
from minoots_local.logs import logger
from minoots_local.players.worker import Player

PERIOD_MS = 60_000
# Items removed per hold of the lock: calls must not wait for all of them.
_SLICE = 500
# An item that expired longer ago than this is left alone, so that a wrong unit deletes nothing.
_LONGEST_PAST_S = 5 * 365 * 86_400

_log = logger("ttl")


class TimeToLive:
    """Expires items of every table that has a TTL attribute.

    Args:
        gate: Guards the tables.
        backend: The tables.
        clock: Time.
    """

    def __init__(self, gate: AwsGate, backend: LeanDynamoBackend, clock: Clock) -> None:
        self._gate = gate
        self._backend = backend
        self._clock = clock
        self._next_ms = 0.0
        self._player = Player("ttl", clock, self._round, self._nothing_before)

    def start(self) -> None:
        """Begin to expire."""
        self._player.start()

    def stop(self) -> None:
        """Expire no more."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the round under way."""
        self._player.join(timeout_s)

    def expire(self) -> int:
        """Remove what has expired in every table; returns how many items."""
        return sum(self._expire(name) for name in list(self._backend.lean_tables))

    def _round(self) -> float:
        # Waits end early, for no reason, too.
        if self._clock.now_ms() >= self._next_ms:
            self._next_ms = self._clock.now_ms() + PERIOD_MS
            self.expire()
        return self._next_ms

    def _nothing_before(self) -> float:
        with self._gate.lock:
            after_s = self._clock.now_ms() / 1000 - _LONGEST_PAST_S
            tables = self._backend.lean_tables.values()
            first_s = min((table.first_expiry(after_s) for table in tables), default=float("inf"))
        return next_of_period(self._next_ms, PERIOD_MS, first_s * 1000)

    def _expire(self, name: str) -> int:
        removed = 0
        while not self._player.stopping and (found := self._expire_slice(name)):
            removed += found
        if removed:
            _log.info("expired items", extra={"table": name, "items": removed})
        return removed

    def _expire_slice(self, name: str) -> int:
        with self._gate.lock:
            if not self._due(name):
                return 0
        with self._gate.writing():
            table = self._backend.lean_tables[name]
            # The gate seals the writes as this block ends: they are marked until then.
            outbox_of(table).expiring = True
            due = self._due(name)
            for key in due:
                table.delete_item(*key)
        return len(due)

    def _due(self, name: str) -> list[tuple[DynamoType, DynamoType | None]]:
        now_s = self._clock.now_ms() / 1000
        return self._backend.lean_tables[name].expired(now_s - _LONGEST_PAST_S, now_s, _SLICE)
