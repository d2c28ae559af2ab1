"""Many timers in few requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from minoots.client.session import Call, Session
from minoots.client.values import duration_value, fresh_key, instant_value, said, wire_value
from minoots_contract.actions import ActionBundle
from minoots_contract.batches import MAX_BATCH, MAX_BATCH_BYTES, BatchReply, BatchResult
from minoots_contract.late_policy import LatePolicy

__all__ = ["NewTimer", "create_body", "create_many"]

ROUNDS: Final = 3
"""How often what the API did not take for the moment is asked for, altogether."""

PAUSE_S: Final = 1.0
LONGEST_WAIT_S: Final = 60
"""What is worth asking for only later than this is not waited for: the caller sees its result, and asks when it may."""

_PASSING: Final = frozenset({429, 503})
_AROUND: Final = len('{"timers":[]}')


class NewTimer(TypedDict, total=False):
    """What `Timers.create` takes, by name."""

    name: str | None
    duration: str | int | timedelta | None
    fire_at: datetime | str | None
    action_bundle: ActionBundle | Mapping[str, Any] | None
    agent_binding: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    labels: Mapping[str, str] | None
    late_policy: LatePolicy | Mapping[str, Any] | None
    heartbeat: bool
    requested_by: str | None
    idempotency_key: str | None


def create_body(timer: NewTimer, requested_by: str) -> dict[str, Any]:
    """Return what is sent for a timer.

    Args:
        timer: What was asked for.
        requested_by: Who asks, unless the timer says so itself.

    Raises:
        ValueError: If `fire_at` is a datetime without an offset.
    """
    body = {
        "requestedBy": timer.get("requested_by") or requested_by,
        "name": timer.get("name"),
        "duration": duration_value(timer.get("duration")),
        "fireAt": instant_value(timer.get("fire_at")),
        "metadata": timer.get("metadata"),
        "labels": timer.get("labels"),
        "actionBundle": said(timer.get("action_bundle")),
        "agentBinding": timer.get("agent_binding"),
        "latePolicy": wire_value(timer.get("late_policy")),
        "heartbeat": timer.get("heartbeat") or None,
        "idempotencyKey": timer.get("idempotency_key"),
    }
    return {field: value for field, value in body.items() if value is not None}


def create_many(session: Session, timers: Iterable[NewTimer], requested_by: str, *, keyed: bool) -> list[BatchResult]:
    """Create timers in as few requests as may be; see `Timers.create_many`."""
    entries = [create_body(timer, requested_by) for timer in timers]
    if keyed:
        now_ms = session.clock.now_ms()
        entries = [{"idempotencyKey": fresh_key(now_ms), **entry} for entry in entries]
    results: dict[int, BatchResult] = {}
    waiting = list(range(len(entries)))
    for round_ in range(ROUNDS):
        if round_:
            asked_s = max(results[place].retry_after_s or 0 for place in waiting)
            session.clock.sleep(max(asked_s, PAUSE_S * round_))
        for places in _portions(entries, waiting):
            results |= _send(session, [entries[place] for place in places], places)
        waiting = [place for place in waiting if _may_be_asked_again(entries[place], results[place])]
        if not waiting:
            break
    return [results[place] for place in range(len(entries))]


def _send(session: Session, batch: Sequence[dict[str, Any]], places: Sequence[int]) -> dict[int, BatchResult]:
    safe = all("idempotencyKey" in entry for entry in batch)
    reply = session.send(Call("POST", "/timers:batch", body={"timers": batch}, repeatable=safe), BatchReply)
    return {places[one.index]: one.model_copy(update={"index": places[one.index]}) for one in reply.results}


def _may_be_asked_again(entry: dict[str, Any], result: BatchResult) -> bool:
    soon = result.retry_after_s is None or result.retry_after_s <= LONGEST_WAIT_S
    return result.status in _PASSING and soon and "idempotencyKey" in entry


def _portions(entries: Sequence[dict[str, Any]], places: Sequence[int]) -> Iterator[list[int]]:
    """Yield places of entries that fit one request, by number and by size."""
    portion: list[int] = []
    size = _AROUND
    for place in places:
        bytes_ = len(json.dumps(entries[place], ensure_ascii=False, separators=(",", ":")).encode()) + 1
        if portion and (len(portion) == MAX_BATCH or size + bytes_ > MAX_BATCH_BYTES):
            yield portion
            portion, size = [], _AROUND
        portion.append(place)
        size += bytes_
    if portion:
        yield portion
