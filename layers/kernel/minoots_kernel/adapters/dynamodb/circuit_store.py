"""Circuits in DynamoDB: one item each, of which every write touches no more than it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.keys import DAY_S, Item, circuit_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.circuits import Circuit, Pace
from minoots_kernel.domain.errors import VersionMismatchError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoCircuitStore"]

SLOT: Final = "slot"
"""Slots are attributes `slot0`, `slot1`, …, so that each is taken and given back by itself."""

MAX_TURN_TRIES: Final = 4

_NOBODY_QUEUES: Final = "attribute_not_exists(turn) OR turn <= :now"


class DynamoCircuitStore:
    """The circuit items of a table, one partition per tenant. What nobody touches for a day is forgotten.

    Args:
        client: Client of DynamoDB.
        table: The table's name.
        clock: Tells when an item may be forgotten.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock) -> None:
        self._table = Table(client, table)
        self._clock = clock

    def get_many(self, tenant_id: str, names: Sequence[str]) -> dict[str, Circuit]:
        """Return those of a tenant's circuits of which anything is stored, by name."""
        keys = [circuit_key(tenant_id, name) for name in dict.fromkeys(names)]
        if len(keys) == 1:
            item = self._table.get(keys[0])
            items = [] if item is None else [item]
        else:
            items = self._table.get_many(keys)
        return {one.name: one for one in map(_from_item, items)}

    def change(self, before: Circuit, after: Circuit) -> None:
        """Store a circuit's state; see the port.

        A write whose answer was lost and that is made again by the client library fails: the caller then reads what it
        wrote itself, and finds nothing left to change.
        """
        values: Item = {
            ":version": {"N": str(after.version)},
            ":openUntil": {"N": str(after.open_until_ms)},
            ":failed": {"N": str(after.failed_probes)},
            ":slowUntil": {"N": str(after.slow_until_ms)},
        }
        sets = "#version = :version, openUntil = :openUntil, failedProbes = :failed, slowUntil = :slowUntil"
        removes = " REMOVE openedAt" if after.opened_at_ms is None else ""
        if after.opened_at_ms is not None:
            values[":openedAt"] = {"N": str(after.opened_at_ms)}
            sets += ", openedAt = :openedAt"
        condition = "#version = :was" if before.version else "attribute_not_exists(#version)"
        if before.version:
            values[":was"] = {"N": str(before.version)}
        try:
            self._update(after, sets, removes, condition, values, {"#version": "version"})
        except ConditionFailedError as error:
            raise VersionMismatchError(f"The circuit '{after.name}' was changed by another.") from error

    def take(self, circuit: Circuit, slot: int, until_ms: int, now_ms: int) -> bool:
        """Take a slot; see the port.

        A try whose answer was lost, and that is made again, finds the slot taken: by ourselves, until the lease ends.
        """
        values: Item = {":until": {"N": str(until_ms)}, ":now": {"N": str(now_ms)}}
        names = {"#slot": f"{SLOT}{slot}"}
        try:
            self._update(circuit, "#slot = :until", "", "attribute_not_exists(#slot) OR #slot <= :now", values, names)
        except ConditionFailedError:
            return False
        return True

    def give_back(self, circuit: Circuit, slot: int, until_ms: int) -> None:
        """Give a slot back; see the port."""
        try:
            self._table.update(
                circuit_key(circuit.tenant_id, circuit.name),
                UpdateExpression="REMOVE #slot",
                ConditionExpression="#slot = :until",
                ExpressionAttributeNames={"#slot": f"{SLOT}{slot}"},
                ExpressionAttributeValues={":until": {"N": str(until_ms)}},
            )
        except ConditionFailedError:
            return  # the lease ran out, or this is our own second try

    def next_turn(self, circuit: Circuit, pace: Pace, now_ms: int, horizon_ms: int) -> int | None:
        """Take the next turn of a pace; see the port.

        The item has when the turn after the last one begins. Either that lies ahead, and moves on by an interval, or it
        has passed, and the next one begins when the pace allows it after what has begun: as far as was read, for who
        comes back with a turn is let through by `begin` alone.
        """
        now_us, latest_us = now_ms * 1000, (now_ms + horizon_ms) * 1000
        interval: Item = {":interval": {"N": str(pace.interval_us)}, ":now": {"N": str(now_us)}}
        queued = circuit.turn_us > now_us
        for _ in range(MAX_TURN_TRIES):
            try:
                if queued:
                    values: Item = {**interval, ":latest": {"N": str(latest_us)}}
                    item = self._update(
                        circuit, "turn = turn + :interval", "", "turn > :now AND turn <= :latest", values
                    )
                else:
                    first_us = self._first_turn(circuit, pace, now_us)
                    if first_us > latest_us:
                        return None
                    values = {**interval, ":first": {"N": str(first_us)}}
                    item = self._update(circuit, "turn = :first + :interval", "", _NOBODY_QUEUES, values)
            except ConditionFailedError:
                queued = not queued
                continue
            return -((pace.interval_us - int(item["turn"]["N"])) // 1000)
        return None

    def begin(self, circuit: Circuit, pace: Pace, now_ms: int, slack_ms: int | None) -> bool:
        """Count an attempt as begun if its pace allows it; see the port.

        Generic cell rate: the item has until when the pace is used up. A try whose answer was lost, and that is made
        again, counts twice.
        """
        now_us = now_ms * 1000
        latest_us = now_us + pace.tolerance_us + (slack_ms or 0) * 1000
        interval: Item = {":interval": {"N": str(pace.interval_us)}, ":now": {"N": str(now_us)}}
        unqueued = f" AND ({_NOBODY_QUEUES})" if slack_ms is None else ""
        rested = ("begun = :now + :interval", f"(attribute_not_exists(begun) OR begun <= :now){unqueued}", interval)
        ahead = (
            "begun = begun + :interval",
            f"begun > :now AND begun <= :latest{unqueued}",
            {**interval, ":latest": {"N": str(latest_us)}},
        )
        tries = [ahead, rested] if circuit.begun_us > now_us else [rested, ahead]
        for sets, condition, values in tries if latest_us > now_us else [rested]:
            try:
                self._update(circuit, sets, "", condition, values)
            except ConditionFailedError:
                continue
            return True
        return False

    def _first_turn(self, circuit: Circuit, pace: Pace, now_us: int) -> int:
        """Return when whoever is first in the queue may begin, epoch microseconds."""
        item = self._table.get(circuit_key(circuit.tenant_id, circuit.name))
        return max(now_us, (_from_item(item).begun_us if item else 0) - pace.tolerance_us)

    def _update(
        self,
        circuit: Circuit,
        sets: str,
        removes: str,
        condition: str,
        values: Item,
        names: dict[str, str] | None = None,
    ) -> Item:
        expires = {"N": str(self._clock.now_ms() // 1000 + DAY_S)}
        given: dict[str, Any] = {"ExpressionAttributeNames": {"#kind": "kind", **(names or {})}}
        return self._table.update(
            circuit_key(circuit.tenant_id, circuit.name),
            UpdateExpression=f"SET {sets}, #kind = :kind, expiresAt = :expires{removes}",
            ConditionExpression=condition,
            ExpressionAttributeValues={**values, ":kind": {"S": "circuit"}, ":expires": expires},
            **given,
        )


def _from_item(item: Item) -> Circuit:
    def number(attribute: str) -> int:
        return int(item[attribute]["N"]) if attribute in item else 0

    return Circuit(
        tenant_id=item["pk"]["S"].partition("#")[2],
        name=item["sk"]["S"],
        version=number("version"),
        opened_at_ms=number("openedAt") if "openedAt" in item else None,
        open_until_ms=number("openUntil"),
        failed_probes=number("failedProbes"),
        slow_until_ms=number("slowUntil"),
        slots={int(name[len(SLOT) :]): int(value["N"]) for name, value in item.items() if name.startswith(SLOT)},
        turn_us=number("turn"),
        begun_us=number("begun"),
    )
