"""Timers as items of the table, and back; the stream's images have the same form.

What a timer does not have, its item does not have either. Beside what is the timer's own, an item has `beaten` exactly
when its latest write was a heartbeat: the stream's readers leave such records out. Five attributes are JSON text,
because the table never looks into them and a map would cost more bytes and more work:

- `spec`: `{"metadata": {}, "labels": {}, "bundle": {"actions": [], "concurrency": n, "retry": [max attempts, initial
  ms, multiplier, cap ms]}, "agent": {}}`, each part only if it is there. Defaults are written out, so that a
  stored timer keeps its meaning when a default changes. Text over `MAX_SPEC_BYTES` is an item of its own, and `payload`
  is its length.
- `actions`: `[[id, status, tries, dispatched at, next attempt at, [[number, started at, ended at, outcome, status code,
  error, connect ms, first byte ms, excerpt], ...], times redriven, after tries, key, discarded], ...]`, times in epoch
  milliseconds; a row of an attempt ends with the last of its values that is there, and one of an action with its
  attempts if it was neither redriven nor discarded.
- `putOff`: `{action id: [times, since, reason, whose turn]}` of actions whose next attempt was put off.
- `timeline`: `[[event, at, version], ...]`, with who asked and why behind if anybody did.
- `asked`: `[[digest of the key, digest of the request], ...]`, the latest changes under an idempotency key.

Decoding builds the contract's models without validating them: what was valid when it was accepted stays readable when
the rules grow stricter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final

from minoots_contract.actions import Action, ActionBundle, RetryPolicy
from minoots_contract.agents import AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_kernel.adapters.dynamodb.keys import Item, check_shard, tenant_of, timer_key
from minoots_kernel.domain.put_offs import PutOffs
from minoots_kernel.domain.timer import (
    NEVER_REDRIVEN,
    ActionState,
    ActionStatus,
    Attempt,
    Moment,
    Redriven,
    Remembered,
    Status,
    Timer,
    TimerSpec,
)

__all__ = [
    "MAX_SPEC_BYTES",
    "attempts_from_json",
    "attempts_to_json",
    "changes",
    "compact",
    "spec_from_json",
    "spec_to_json",
    "timer_from_item",
    "timer_to_item",
]

MAX_SPEC_BYTES: Final = 512
"""A longer spec becomes an item of its own: each write of a timer costs a write unit per kilobyte of its item."""

EMPTY_SPEC: Final = TimerSpec()

# Wire name to field; a binding is stored as the wire has it, defaults written out.
_BINDING_FIELDS: Final = {field.alias or name: name for name, field in AgentBinding.model_fields.items()}

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode
_STATUSES: Final = {status.value: status for status in Status}
_ACTION_STATUSES: Final = {status.value: status for status in ActionStatus}


def compact(value: Any) -> str:
    """Write JSON without blanks; text that UTF-8 cannot carry (half of a surrogate pair) is written as escapes."""
    text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return text


def spec_to_json(spec: TimerSpec) -> str:
    """Write a spec as JSON; an empty one is `{}`."""
    content: dict[str, Any] = {}
    if spec.metadata:
        content["metadata"] = spec.metadata
    if spec.labels:
        content["labels"] = spec.labels
    if spec.bundle is not None:
        policy = spec.bundle.retry_policy
        content["bundle"] = {
            "actions": [
                {"id": action.id, "kind": action.kind, "parameters": action.parameters}
                for action in spec.bundle.actions
            ],
            "concurrency": spec.bundle.concurrency,
            "retry": [
                policy.max_attempts,
                policy.backoff_initial_ms,
                policy.backoff_multiplier,
                policy.backoff_max_ms,
            ],
        }
    if spec.agent_binding is not None:
        content["agent"] = spec.agent_binding.wire()
    return compact(content)


def spec_from_json(text: str) -> TimerSpec:
    """Read what `spec_to_json` wrote."""
    content = json.loads(text)
    stored = content.get("bundle")
    bundle = None
    if stored is not None:
        attempts, initial, multiplier, cap = stored["retry"]
        bundle = ActionBundle.model_construct(
            actions=[Action.model_construct(**action, escalation=None) for action in stored["actions"]],
            concurrency=stored["concurrency"],
            retry_policy=RetryPolicy.model_construct(
                max_attempts=attempts, backoff_initial_ms=initial, backoff_multiplier=multiplier, backoff_max_ms=cap
            ),
        )
    return TimerSpec(content.get("metadata", {}), content.get("labels", {}), bundle, _binding(content.get("agent")))


def _binding(stored: dict[str, Any] | None) -> AgentBinding | None:
    if stored is None:
        return None
    return AgentBinding.model_construct(**{_BINDING_FIELDS[name]: value for name, value in stored.items()})


def attempts_to_json(attempts: tuple[Attempt, ...]) -> list[list[Any]]:
    """Return attempts as JSON-ready rows, without the nulls at their ends: each byte is paid for with every write."""
    rows = []
    for one in attempts:
        row = [one.number, one.started_at_ms, one.ended_at_ms, one.outcome, one.status_code, one.error]
        row += [one.connect_ms, one.first_byte_ms, one.excerpt]
        while row[-1] is None:
            row.pop()
        rows.append(row)
    return rows


def attempts_from_json(rows: list[list[Any]]) -> tuple[Attempt, ...]:
    """Read what `attempts_to_json` made."""
    return tuple(Attempt(*row) for row in rows)


def _text(value: str | None) -> Item | None:
    return None if value is None else {"S": value}


def _number(value: int | None) -> Item | None:
    return None if value is None else {"N": str(value)}


def _count(value: int) -> Item | None:
    return _number(value or None)


def _status(value: Status) -> Item:
    return {"S": value.value}


def _actions(states: tuple[ActionState, ...]) -> Item | None:
    if not states:
        return None
    rows = [
        [
            state.id,
            state.status.value,
            state.tries,
            state.dispatched_at_ms,
            state.next_attempt_at_ms,
            attempts_to_json(state.attempts),
            *_afterlife(state),
        ]
        for state in states
    ]
    return {"S": compact(rows)}


def _afterlife(state: ActionState) -> list[Any]:
    if not state.redriven.times and not state.discarded:
        return []
    return [state.redriven.times, state.redriven.after_tries, state.redriven.key, int(state.discarded)]


def _put_off(timer: Timer) -> dict[str, PutOffs]:
    return {state.id: state.put_off for state in timer.actions if state.put_off}


def _put_offs(found: dict[str, PutOffs]) -> Item | None:
    if not found:
        return None
    rows = {name: [one.times, one.since_ms, one.reason, one.turn] for name, one in sorted(found.items())}
    return {"S": compact(rows)}


def _timeline(moments: tuple[Moment, ...]) -> Item:
    return {"S": compact([_row(moment) for moment in moments])}


def _row(moment: Moment) -> list[Any]:
    row = [moment.event, moment.at_ms, moment.version]
    return row if moment.by is None and moment.note is None else [*row, moment.by, moment.note]


def _late_policy(policy: LatePolicy | None) -> Item | None:
    return None if policy is None else {"S": str(policy)}


def _remembered(marks: tuple[Remembered, ...]) -> Item | None:
    return {"S": compact([[mark.key, mark.request] for mark in marks])} if marks else None


# The attributes that a transition may change, with the field that each is made of. What is not here is set once.
_CHANGING: Final[tuple[tuple[str, Callable[[Timer], Any], Callable[[Any], Item | None]], ...]] = tuple(
    (attribute, attrgetter(field) if isinstance(field, str) else field, encode)
    for attribute, field, encode in (
        ("status", "status", _status),
        ("version", "version", _number),
        ("generation", "generation", _number),
        ("fireAt", "fire_at_ms", _number),
        ("actions", "actions", _actions),
        ("putOff", _put_off, _put_offs),
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
        "name": {"S": timer.name},
        "requestedBy": {"S": timer.requested_by},
        "createdAt": {"N": str(timer.created_at_ms)},
    }
    size = len(spec_json.encode())
    if size > MAX_SPEC_BYTES:
        item["payload"] = {"N": str(size)}
    else:
        item["spec"] = {"S": spec_json}
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
        spec=EMPTY_SPEC if spec_json is None else spec_from_json(spec_json),
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
        actions=_states(item) if "actions" in item else (),
        timeline=tuple(Moment(*row) for row in json.loads(item["timeline"]["S"])),
        remembered=tuple(Remembered(*row) for row in json.loads(item["asked"]["S"])) if "asked" in item else (),
    )


def _states(item: Item) -> tuple[ActionState, ...]:
    states = tuple(_state(*row) for row in json.loads(item["actions"]["S"]))
    if "putOff" not in item:
        return states
    put_off = {name: PutOffs(*row) for name, row in json.loads(item["putOff"]["S"]).items()}
    return tuple(replace(state, put_off=put_off.get(state.id)) for state in states)


def _state(
    identifier: str,
    status: str,
    tries: int,
    dispatched: int | None,
    following: int | None,
    attempts: list[list[Any]],
    *afterlife: Any,
) -> ActionState:
    made = attempts_from_json(attempts)
    redriven, discarded = (Redriven(*afterlife[:3]), bool(afterlife[3])) if afterlife else (NEVER_REDRIVEN, False)
    return ActionState(identifier, _ACTION_STATUSES[status], tries, made, dispatched, following, redriven, discarded)


def _policy(text: str) -> LatePolicy:
    mode, _, after_ms = text.partition(":")
    fields: dict[str, Any] = {"mode": mode, "after_ms": int(after_ms)}
    return LatePolicy.model_construct(**fields)


def _int(item: Item, attribute: str) -> int | None:
    return int(item[attribute]["N"]) if attribute in item else None


def _str(item: Item, attribute: str) -> str | None:
    return str(item[attribute]["S"]) if attribute in item else None
