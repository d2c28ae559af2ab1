"""Timers as items of the table, and back; the stream's images have the same form.

What a timer does not have, its item does not have either. Beside what is the timer's own, an item has `beaten` exactly
when its latest write was a heartbeat: the stream's readers leave such records out. Five attributes are JSON text,
because the table never looks into them and a map would cost more bytes and more work:

- `spec`: what `spec_codec` writes. Text over `MAX_SPEC_BYTES` is an item of its own, and `payload` is its length.
- `actions` and `putOff`: how far the actions have come, as `action_codec` writes it.
- `labels`: the spec's labels once more, when it is an item of its own and they are few.
- `timeline`: `[[event, at, version], ...]`, with who asked and why behind if anybody did.
- `asked`: `[[digest of the key, digest of the request], ...]`, the latest changes under an idempotency key.
- `acks`: how far actions have come that have to be acknowledged, as `acks` writes it.
- `via`: `[operation, subject, key id, address, request id, issuer, days that the audit keeps it]`, who asked for the
  latest write, up to the last of its values that is there; there exactly when a caller did and the audit is to know.
  Other writes remove it.

Two attributes tell payloads of one timer apart: `request`, the digest of a create under an idempotency key, and
`revision`, when metadata or labels were changed since.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.adapters.dynamodb.acks import acknowledgements_from_json, acknowledgements_to_json
from minoots_kernel.adapters.dynamodb.action_codec import (
    actions_from_item,
    actions_to_item,
    put_offs_of,
    put_offs_to_item,
)
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item, check_shard, tenant_of, timer_key
from minoots_kernel.adapters.dynamodb.spec_codec import spec_from_json
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.timer import (
    Moment,
    Remembered,
    Status,
    Timer,
    TimerSpec,
    Via,
)

__all__ = [
    "MAX_SPEC_BYTES",
    "changes",
    "labels_beside",
    "labels_of",
    "timer_from_item",
    "timer_to_item",
]

MAX_SPEC_BYTES: Final = 512
"""A longer spec becomes an item of its own: each write of a timer costs a write unit per kilobyte of its item."""

EMPTY_SPEC: Final = TimerSpec()

_STATUSES: Final = {status.value: status for status in Status}


def labels_beside(spec: TimerSpec) -> Item:
    """Return what an item keeps of a spec that lies elsewhere, for listings to find it by: its labels, if few."""
    text = compact(spec.labels)
    return {"labels": {"S": text}} if len(text.encode()) <= MAX_SPEC_BYTES else {}


def labels_of(item: Item) -> dict[str, str]:
    """Return the labels that an item has in it."""
    if "labels" in item:
        labels: dict[str, str] = json.loads(item["labels"]["S"])
        return labels
    return spec_from_json(item["spec"]["S"]).labels if "spec" in item else {}


def _text(value: str | None) -> Item | None:
    return None if value is None else {"S": value}


def _number(value: int | None) -> Item | None:
    return None if value is None else {"N": str(value)}


def _count(value: int) -> Item | None:
    return _number(value or None)


def _status(value: Status) -> Item:
    return {"S": value.value}


def _timeline(moments: tuple[Moment, ...]) -> Item:
    return {"S": compact([_row(moment) for moment in moments])}


def _row(moment: Moment) -> list[Any]:
    row = [moment.event, moment.at_ms, moment.version]
    return row if moment.by is None and moment.note is None else [*row, moment.by, moment.note]


def _late_policy(policy: LatePolicy | None) -> Item | None:
    return None if policy is None else {"S": str(policy)}


def _via(via: Via | None) -> Item | None:
    if via is None:
        return None
    row = [via.action, via.subject, via.key_id, via.ip, via.request_id, via.issuer, via.kept_days]
    while row[-1] is None:
        row.pop()
    return {"S": compact(row)}


def _remembered(marks: tuple[Remembered, ...]) -> Item | None:
    return {"S": compact([[mark.key, mark.request] for mark in marks])} if marks else None


def _acknowledgements(known: tuple[Acknowledgement, ...]) -> Item | None:
    return {"S": compact(acknowledgements_to_json(known))} if known else None


# The attributes that a transition may change, with the field that each is made of. What is not here is set once.
_CHANGING: Final[tuple[tuple[str, Callable[[Timer], Any], Callable[[Any], Item | None]], ...]] = tuple(
    (attribute, attrgetter(field) if isinstance(field, str) else field, encode)
    for attribute, field, encode in (
        ("name", "name", _text),
        ("status", "status", _status),
        ("version", "version", _number),
        ("generation", "generation", _number),
        ("fireAt", "fire_at_ms", _number),
        ("actions", "actions", actions_to_item),
        ("putOff", put_offs_of, put_offs_to_item),
        ("timeline", "timeline", _timeline),
        ("armedAt", "armed_at_ms", _number),
        ("latePolicy", "late_policy", _late_policy),
        ("pausedAt", "paused_at_ms", _number),
        ("remainingMs", "remaining_ms", _number),
        ("firedAt", "fired_at_ms", _number),
        ("settledAt", "settled_at_ms", _number),
        ("cancelledAt", "cancelled_at_ms", _number),
        ("cancelledBy", "cancelled_by", _text),
        ("cancelReason", "cancel_reason", _text),
        ("failureReason", "failure_reason", _text),
        ("nextCheckAt", "next_check_at_ms", _number),
        ("timeoutMs", "timeout_ms", _number),
        ("beatAt", "beat_at_ms", _number),
        ("beats", "beats", _count),
        ("lap", "lap", _count),
        ("asked", "remembered", _remembered),
        ("via", "via", _via),
        ("outcome", "decided", _text),
        ("acks", "acknowledgements", _acknowledgements),
    )
)


def timer_to_item(timer: Timer, spec_json: str) -> Item:
    """Return the item of a timer.

    Args:
        timer: The timer.
        spec_json: Its spec as JSON. When that is an item of its own, only its length is kept here.
    """
    item: Item = {
        **timer_key(timer.tenant_id, timer.id),
        "kind": {"S": "timer"},
        "requestedBy": {"S": timer.requested_by},
        "createdAt": {"N": str(timer.created_at_ms)},
    }
    size = len(spec_json.encode())
    if size > MAX_SPEC_BYTES:
        item |= {"payload": {"N": str(size)}, **labels_beside(timer.spec)}
    else:
        item["spec"] = {"S": spec_json}
    if timer.request is not None:
        item["request"] = {"S": timer.request}
    if timer.spec.revision:
        item["revision"] = {"S": timer.spec.revision}
    for attribute, read, encode in _CHANGING:
        value = encode(read(timer))
        if value is not None:
            item[attribute] = value
    if timer.next_check_at_ms is not None:
        item["checkShard"] = {"S": check_shard(timer.id)}
    return item


def changes(before: Timer, after: Timer) -> dict[str, Item | None]:
    """Return the attributes in which two states of a timer differ; none for one that is to be removed."""
    differing: dict[str, Item | None] = {}
    for attribute, read, encode in _CHANGING:
        value = read(after)
        if read(before) != value:
            differing[attribute] = encode(value)
    # An attribute of the index: touched only when the timer enters or leaves it, for each touch may cost a write unit.
    if (before.next_check_at_ms is None) is not (after.next_check_at_ms is None):
        differing["checkShard"] = None if after.next_check_at_ms is None else {"S": check_shard(after.id)}
    return differing


def timer_from_item(item: Item, payload: str | None = None) -> Timer:
    """Return the timer of an item or a stream image.

    Args:
        item: The item.
        payload: The spec's JSON when it lies in an item of its own; without it the timer's spec is empty.
    """
    spec_json = item["spec"]["S"] if "spec" in item else payload
    return Timer(
        id=item["sk"]["S"],
        tenant_id=tenant_of(item["pk"]["S"]),
        name=item["name"]["S"],
        requested_by=item["requestedBy"]["S"],
        status=_STATUSES[item["status"]["S"]],
        created_at_ms=int(item["createdAt"]["N"]),
        fire_at_ms=int(item["fireAt"]["N"]),
        spec=EMPTY_SPEC if spec_json is None else spec_from_json(spec_json, _str(item, "revision") or ""),
        generation=int(item["generation"]["N"]),
        version=int(item["version"]["N"]),
        armed_at_ms=_int(item, "armedAt"),
        late_policy=_policy(item["latePolicy"]["S"]) if "latePolicy" in item else None,
        paused_at_ms=_int(item, "pausedAt"),
        remaining_ms=_int(item, "remainingMs"),
        fired_at_ms=_int(item, "firedAt"),
        settled_at_ms=_int(item, "settledAt"),
        cancelled_at_ms=_int(item, "cancelledAt"),
        cancelled_by=_str(item, "cancelledBy"),
        cancel_reason=_str(item, "cancelReason"),
        failure_reason=_str(item, "failureReason"),
        next_check_at_ms=_int(item, "nextCheckAt"),
        timeout_ms=_int(item, "timeoutMs"),
        beat_at_ms=_int(item, "beatAt"),
        beats=_int(item, "beats") or 0,
        lap=_int(item, "lap") or 0,
        actions=actions_from_item(item) if "actions" in item else (),
        timeline=tuple(Moment(*row) for row in json.loads(item["timeline"]["S"])),
        remembered=tuple(Remembered(*row) for row in json.loads(item["asked"]["S"])) if "asked" in item else (),
        via=Via(*json.loads(item["via"]["S"])) if "via" in item else None,
        decided=item["outcome"]["S"] if "outcome" in item else None,
        acknowledgements=acknowledgements_from_json(json.loads(item["acks"]["S"])) if "acks" in item else (),
        request=_str(item, "request"),
    )


def _policy(text: str) -> LatePolicy:
    mode, _, after_ms = text.partition(":")
    fields: dict[str, Any] = {"mode": mode, "after_ms": int(after_ms)}
    return LatePolicy.model_construct(**fields)


def _int(item: Item, attribute: str) -> int | None:
    return int(item[attribute]["N"]) if attribute in item else None


def _str(item: Item, attribute: str) -> str | None:
    return str(item[attribute]["S"]) if attribute in item else None
