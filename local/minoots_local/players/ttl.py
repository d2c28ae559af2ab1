"""DynamoDB's time to live: removes items some time after the second that they name."""

from moto.dynamodb.models.dynamo_type import DynamoType

from minoots_local.aws.gate import AwsGate
from minoots_local.aws.lean_table import LeanDynamoBackend, LeanTable
from minoots_local.aws.write_path import outbox_of
from minoots_local.clock import Clock
from minoots_local.logs import logger
from minoots_local.players.worker import Player

PERIOD_MS = 60_000
# Items looked at, and removed, per hold of the lock: calls must not wait for a whole table.
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
        self._player = Player("ttl", clock, self._round)

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
        self.expire()
        return self._clock.now_ms() + PERIOD_MS

    def _expire(self, name: str) -> int:
        with self._gate.lock:
            table = self._backend.lean_tables[name]
            if table.ttl.get("TimeToLiveStatus") != "ENABLED":
                return 0
            attribute = str(table.ttl["AttributeName"])
            keys = table.all_keys()
        removed = 0
        for start in range(0, len(keys), _SLICE):
            if self._player.stopping:
                break
            removed += self._expire_slice(name, attribute, keys[start : start + _SLICE])
        if removed:
            _log.info("expired items", extra={"table": name, "items": removed})
        return removed

    def _expire_slice(self, name: str, attribute: str, keys: list[tuple[DynamoType, DynamoType | None]]) -> int:
        with self._gate.lock:
            table = self._backend.lean_tables[name]
            due = [key for key in keys if self._has_expired(table, attribute, key)]
        if not due:
            return 0
        with self._gate.writing():
            table = self._backend.lean_tables[name]
            # The gate seals the writes as this block ends: they are marked until then.
            outbox_of(table).expiring = True
            for key in due:
                if self._has_expired(table, attribute, key):
                    table.delete_item(*key)
        return len(due)

    def _has_expired(self, table: LeanTable, attribute: str, key: tuple[DynamoType, DynamoType | None]) -> bool:
        item = table.get_item(*key)
        value = item.attrs.get(attribute) if item is not None else None
        if value is None or value.type != "N":
            return False
        now_s = self._clock.now_ms() / 1000
        return bool(now_s - _LONGEST_PAST_S < float(value.value) < now_s)
