"""Timers in DynamoDB: each write is one conditional write of one item."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.batches import write_new
from minoots_kernel.adapters.dynamodb.codec import (
    MAX_SPEC_BYTES,
    changes,
    labels_beside,
    labels_of,
    timer_from_item,
    timer_to_item,
)
from minoots_kernel.adapters.dynamodb.keys import (
    CHECK_INDEX,
    CHECK_SHARDS,
    DAY_S,
    Item,
    payload_key,
    storable,
    tenant_of,
    timer_key,
)
from minoots_kernel.adapters.dynamodb.listing import MergedListing
from minoots_kernel.adapters.dynamodb.payloads import Payloads, kept_after_end_s, leaves_letters
from minoots_kernel.adapters.dynamodb.readable import readable
from minoots_kernel.adapters.dynamodb.spec_codec import spec_to_json
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Clock, Page, TimerKey
from minoots_kernel.domain.authority import Sight, Thing, timer_as_thing
from minoots_kernel.domain.errors import (
    AlreadyExistsError,
    DependencyUnavailableError,
    InvalidTimerError,
    MinootsError,
    VersionMismatchError,
)
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoTimerStore"]

logger = logging.getLogger(__name__)

MAX_PAYLOAD_BYTES: Final = 390_000
"""Largest spec as JSON: an item of DynamoDB may have 400 KB, its keys included."""

BEAT: Final[dict[str, Any]] = {
    "UpdateExpression": "SET fireAt = :now + timeoutMs, beatAt = :now, beaten = :yes ADD #version :one, beats :one",
    "ConditionExpression": "(#status = :scheduled OR #status = :armed) AND beatAt < :now",
    "ExpressionAttributeNames": {"#version": "version", "#status": "status"},
}
"""A heartbeat, as `domain.heartbeats.beaten` says it; the key and `:now` are yet to be added."""

BEAT_VALUES: Final[dict[str, Any]] = {
    ":one": {"N": "1"},
    ":yes": {"S": "yes"},
    ":scheduled": {"S": Status.SCHEDULED.value},
    ":armed": {"S": Status.ARMED.value},
}


class DynamoTimerStore:
    """The timer items of a table, and the payloads beside them.

    A write names itself by a nonce (`creator` of the first write, `writer` of the latest). When the client library
    repeats a write whose answer was lost, the repeat's condition fails; the nonce in the item then tells that the
    write is ours. `creator` stays, so a creation is recognised even when the timer has moved on in the meantime.

    Args:
        client: Client of DynamoDB.
        table: The table's name.
        retention_days: How long an ended timer is kept; one with dead letters at least as long as these.
        clock: Tells when a timer ended for good.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, retention_days: int, clock: Clock) -> None:
        self._table = Table(client, table)
        self._timers = MergedListing(self._table, "T")
        self._retention_s = retention_days * DAY_S
        self._payloads = Payloads(self._table, self._retention_s, clock)
        self._clock = clock

    @property
    def check_shards(self) -> int:
        """How many shards the sweep's index has."""
        return CHECK_SHARDS

    def create(self, timer: Timer) -> None:
        """Store a new timer; a large spec is written first, for a timer without its spec must never be seen.

        Raises:
            AlreadyExistsError: If the id is taken by another write.
            InvalidTimerError: If metadata, labels and actions are together larger than an item may be.
        """
        spec_json = _sized(timer)
        nonce = _nonce()
        item = timer_to_item(timer, spec_json) | {"creator": {"S": nonce}}
        lay_there = "payload" in item and not self._payloads.put(timer, spec_json)
        try:
            self._table.put_new(item)
        except ConditionFailedError as error:
            if error.sure or not self._bears(timer, "creator", nonce):
                raise AlreadyExistsError(f"There is a timer '{timer.id}' already.") from error
        if lay_there:  # a request before stored it and got no further
            self._payloads.renew(timer)

    def create_many(self, timers: Sequence[Timer]) -> dict[str, MinootsError]:
        """Store new timers, twenty-five to a call; large specs are written first; see the port."""
        refused: dict[str, MinootsError] = {}
        payloads, items = [], []
        for timer in timers:
            try:
                spec_json = _sized(timer)
            except InvalidTimerError as error:
                refused[timer.id] = error
                continue
            items.append(timer_to_item(timer, spec_json))
            if "payload" in items[-1]:
                payloads.append(self._payloads.item(timer, spec_json))
        without = {pk.rpartition("#")[2] for pk, _ in write_new(self._table, self._clock, payloads)}
        ready = [item for item in items if item["sk"]["S"] not in without]
        missing = without | {sk for _, sk in write_new(self._table, self._clock, ready)}
        why = "The table did not take it, or did not say so; the timer may exist all the same."
        return refused | {timer_id: DependencyUnavailableError(why) for timer_id in missing}

    def get(self, key: TimerKey) -> Timer | None:
        """Return the timer as it stands, or none."""
        if not storable(key.timer_id):
            return None
        item = self._table.get(timer_key(key.tenant_id, key.timer_id))
        if item is None:
            return None
        if "payload" not in item:
            return timer_from_item(item)
        return self._with_payload(item, self._table.get(_payload_key_of(item)))

    def get_many(self, keys: Sequence[TimerKey]) -> list[Timer]:
        """Return those of the timers that exist, a hundred to a call; see the port."""
        return self._with_payloads(self._table.get_many([timer_key(key.tenant_id, key.timer_id) for key in keys]))

    def replace(self, before: Timer, after: Timer) -> None:
        """Write what differs, if the timer still stands at the version of `before`.

        Raises:
            VersionMismatchError: If another write came first, or the timer is gone.
        """
        nonce = _nonce()
        differing = self._differing(before, after) | {"writer": {"S": nonce}}
        large = _payload_may_need_time(before, after)
        if large:
            self._payloads.before_change(before, after)
        try:
            self._table.change(timer_key(before.tenant_id, before.id), differing, version=before.version)
        except ConditionFailedError as error:
            if error.sure or not self._bears(after, "writer", nonce):
                raise VersionMismatchError(
                    f"The timer '{before.id}' was changed by another request.", unsure=not error.sure
                ) from error
        if large:
            self._payloads.after_change(before, after)
        if _has_another_spec(before, after) and _is_large(before):
            self._payloads.retire(before)

    def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
        """Push a heartbeat timer out; see the port. If its payload is an item of its own, that costs a read."""
        if not storable(key.timer_id):
            return None
        try:
            item = self._table.update(
                timer_key(key.tenant_id, key.timer_id),
                **BEAT,
                ExpressionAttributeValues={":now": {"N": str(now_ms)}, **BEAT_VALUES},
            )
        except ConditionFailedError:
            return None
        payload = self._table.get(_payload_key_of(item)) if "payload" in item else None
        return self._with_payload(item, payload) if "payload" in item else timer_from_item(item)

    def page(
        self,
        tenant_id: str,
        *,
        statuses: frozenset[Status],
        limit: int,
        position: str | None = None,
        wanted: TimerFilter = EVERY,
        oldest_first: bool = False,
        sight: Sight[Thing] | None = None,
    ) -> Page[Timer]:
        """List a tenant's timers, eventually consistent; see the port."""

        def chosen(items: list[Item]) -> list[Item]:
            found = [item for item, told in readable(items, _told, "timer") if wanted.holds_beside_labels(*told)]
            if not wanted.labels:
                return found
            return [item for item, labels in self._with_labels(found) if wanted.holds_of(labels)]

        def seen(items: list[Item], sight: Sight[Thing]) -> list[Item]:
            labels = {item["sk"]["S"]: found for item, found in self._with_labels(items)}
            known = [item for item in items if item["sk"]["S"] in labels]
            things = readable(known, lambda item: _as_thing(item, labels[item["sk"]["S"]]), "timer")
            shown = {thing.id for thing in sight([thing for _, thing in things])}
            return [item for item in items if item["sk"]["S"] in shown]

        items, following = self._timers.page(
            tenant_id,
            limit,
            position,
            sorted(status.value for status in statuses),
            wanted=chosen,
            few=wanted != EVERY,
            ascending=oldest_first,
            seen=None if sight is None else lambda items: seen(items, sight),
        )
        return Page(tuple(self._with_payloads(items)), following)

    def due_for_check(
        self, shard: int, until_ms: int, limit: int, position: str | None = None, *, since_ms: int = 0
    ) -> Page[TimerKey]:
        """List timers whose check is due, the earliest first; see the port."""
        arguments: dict[str, Any] = {"ExclusiveStartKey": json.loads(position)} if position else {}
        items, last = self._table.query(
            IndexName=CHECK_INDEX,
            KeyConditionExpression="checkShard = :shard AND nextCheckAt BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":shard": {"S": str(shard)},
                ":since": {"N": str(since_ms)},
                ":until": {"N": str(until_ms)},
            },
            Limit=limit,
            **arguments,
        )
        keys = tuple(TimerKey(tenant_of(item["pk"]["S"]), item["sk"]["S"]) for item in items)
        return Page(keys, json.dumps(last) if last else None)

    def _differing(self, before: Timer, after: Timer) -> dict[str, Item | None]:
        differing = {**changes(before, after), "version": {"N": str(after.version)}}
        if _has_another_spec(before, after):
            differing |= self._other_spec(after)
        if before.timeout_ms is not None:
            differing["beaten"] = None
        if _ends(before, after):
            kept_s = kept_after_end_s(after, self._retention_s)
            differing["expiresAt"] = {"N": str(self._clock.now_ms() // 1000 + kept_s)}
        elif _is_redriven(before, after):
            differing["expiresAt"] = None
        return differing

    def _other_spec(self, after: Timer) -> dict[str, Item | None]:
        """Return what makes a spec the timer's; a large one is stored first, where it writes over no other."""
        spec_json = _sized(after)
        kept: dict[str, Item | None] = {"spec": {"S": spec_json}, "payload": None, "labels": None}
        if _is_large(after):
            self._payloads.put(after, spec_json)
            size, labels = len(spec_json.encode()), labels_beside(after.spec)
            kept = {"spec": None, "payload": {"N": str(size)}, "labels": labels.get("labels")}
        return {**kept, "revision": {"S": after.spec.revision}}

    def _with_labels(self, items: list[Item]) -> list[tuple[Item, Mapping[str, str]]]:
        """Return timers with their labels; some are so large that they lie with all the rest, and are read there."""
        places = {
            _payload_key_of(item)["pk"]["S"]: item["sk"]["S"]
            for item in items
            if "payload" in item and "labels" not in item
        }
        keys = [_payload_key_of(item) for item in items if item["sk"]["S"] in places.values()]
        payloads = {places[one["pk"]["S"]]: one for one in (self._table.get_many(keys) if keys else ())}
        return readable(items, lambda item: labels_of(payloads.get(item["sk"]["S"], item)), "timer")

    def _bears(self, timer: Timer, attribute: str, nonce: str) -> bool:
        item = self._table.get(timer_key(timer.tenant_id, timer.id))
        return item is not None and item.get(attribute) == {"S": nonce}

    def _with_payloads(self, items: list[Item]) -> list[Timer]:
        keys = [_payload_key_of(item) for item in items if "payload" in item]
        payloads = {payload["pk"]["S"]: payload for payload in self._table.get_many(keys)}

        def read(item: Item) -> Timer:
            payload = payloads.get(_payload_key_of(item)["pk"]["S"])
            return self._with_payload(item, payload) if "payload" in item else timer_from_item(item)

        return [timer for _, timer in readable(items, read, "timer")]

    def _with_payload(self, item: Item, payload: Item | None) -> Timer:
        if payload is None:
            # Only when the timer outlived its payload's retention: what is left of it can still be read.
            logger.warning("payload is gone", extra={"timerId": item["sk"]["S"]})
        return timer_from_item(item, payload["spec"]["S"] if payload else None)


def _told(item: Item) -> tuple[str, str, int]:
    return item["name"]["S"], item["requestedBy"]["S"], int(item["fireAt"]["N"])


def _as_thing(item: Item, labels: Mapping[str, str]) -> Thing:
    name, requested_by, fire_at_ms = _told(item)
    return timer_as_thing(
        item["sk"]["S"],
        name=name,
        status=item["status"]["S"],
        requested_by=requested_by,
        fire_at_ms=fire_at_ms,
        labels=labels,
    )


def _payload_key_of(item: Item) -> Item:
    which = item.get("revision") or item.get("request") or {"S": ""}
    return payload_key(tenant_of(item["pk"]["S"]), item["sk"]["S"], which["S"])


def _has_another_spec(before: Timer, after: Timer) -> bool:
    return after.spec is not before.spec and after.spec != before.spec


def _is_large(timer: Timer) -> bool:
    return len(spec_to_json(timer.spec).encode()) > MAX_SPEC_BYTES


def _ends(before: Timer, after: Timer) -> bool:
    return after.status.terminal and not before.status.terminal


def _is_redriven(before: Timer, after: Timer) -> bool:
    return before.status.terminal and not after.status.terminal


def _payload_may_need_time(before: Timer, after: Timer) -> bool:
    """Tell whether a payload may be needed for another time; whether there is one is known only by writing it out."""
    kept_otherwise = before.timeout_ms is not None or leaves_letters(after)
    moved = after.generation != before.generation or (_ends(before, after) and kept_otherwise)
    return (moved or _is_redriven(before, after)) and _is_large(after)


def _sized(timer: Timer) -> str:
    """Return the spec as JSON.

    Raises:
        InvalidTimerError: If it is larger than an item may be.
    """
    spec_json = spec_to_json(timer.spec)
    if len(spec_json.encode()) > MAX_PAYLOAD_BYTES:
        why = f"metadata, labels and actions may have {MAX_PAYLOAD_BYTES} bytes together, with numbers written out"
        raise InvalidTimerError("The timer is too large.", (("metadata", why),))
    return spec_json


def _nonce() -> str:
    return secrets.token_urlsafe(6)
