"""How far a timer's actions have come, as two attributes of its item.

- `actions`: `[[id, status, tries, dispatched at, next attempt at, [[number, started at, ended at, "succeeded" or the
  class of the failure, status code, error, connect ms, first byte ms, excerpt], ...], times redriven, after tries, key,
  discarded, why it was given up], ...]`, times in epoch milliseconds; a row of an attempt ends with the last of its
  values that is there, and one of an action with its attempts if none of what follows them is.
- `putOff`: `{action id: [times, since, reason, whose turn, cause, first of all times]}` of actions whose next attempt
  was put off; a row ends with the last of its values that is there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import Item
from minoots_kernel.domain.put_offs import Cause, PutOffs
from minoots_kernel.domain.timer import NEVER_REDRIVEN, ActionState, ActionStatus, Attempt, Redriven, Timer

__all__ = [
    "actions_from_item",
    "actions_to_item",
    "attempts_from_json",
    "attempts_to_json",
    "put_offs_of",
    "put_offs_to_item",
]

_STATUSES: Final = {status.value: status for status in ActionStatus}


def attempts_to_json(attempts: tuple[Attempt, ...]) -> list[list[Any]]:
    """Return attempts as JSON-ready rows, without the nulls at their ends: each byte is paid for with every write."""
    rows = []
    for one in attempts:
        row = [one.number, one.started_at_ms, one.ended_at_ms, one.failure or one.outcome, one.status_code, one.error]
        row += [one.connect_ms, one.first_byte_ms, one.excerpt]
        while row[-1] is None:
            row.pop()
        rows.append(row)
    return rows


def attempts_from_json(rows: list[list[Any]]) -> tuple[Attempt, ...]:
    """Read what `attempts_to_json` made."""
    return tuple(_attempt(*row) for row in rows)


def _attempt(number: int, started_at_ms: int, ended_at_ms: int, outcome: Any, *rest: Any) -> Attempt:
    if outcome in {"succeeded", "failed"}:  # failures had no class once
        return Attempt(number, started_at_ms, ended_at_ms, outcome, *rest)
    return replace(Attempt(number, started_at_ms, ended_at_ms, "failed", *rest), failure=outcome)


def actions_to_item(states: tuple[ActionState, ...]) -> Item | None:
    """Return the attribute `actions`; none of a timer without any."""
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
    given_up = [] if state.given_up is None else [state.given_up]
    if not state.redriven.times and not state.discarded and not given_up:
        return []
    return [state.redriven.times, state.redriven.after_tries, state.redriven.key, int(state.discarded), *given_up]


def put_offs_of(timer: Timer) -> dict[str, PutOffs]:
    """Return what was put off of a timer, by its action."""
    return {state.id: state.put_off for state in timer.actions if state.put_off}


def put_offs_to_item(found: dict[str, PutOffs]) -> Item | None:
    """Return the attribute `putOff`; none if nothing was."""
    if not found:
        return None
    return {"S": compact({name: _put_off_row(one) for name, one in sorted(found.items())})}


def _put_off_row(one: PutOffs) -> list[Any]:
    row = [one.times, one.since_ms, one.reason, one.turn, one.cause, one.first_ms]
    while row[-1] is None:
        row.pop()
    return row


def _put_off(times: int, since_ms: int, reason: str, turn: str | None = None, *rest: Any) -> PutOffs:
    cause, first_ms = (*rest, None, None)[:2]
    return PutOffs(times, since_ms, reason, turn, None if cause is None else Cause(cause), first_ms)


def actions_from_item(item: Item) -> tuple[ActionState, ...]:
    """Read both attributes of an item that has actions."""
    states = tuple(_state(*row) for row in json.loads(item["actions"]["S"]))
    if "putOff" not in item:
        return states
    put_off = {name: _put_off(*row) for name, row in json.loads(item["putOff"]["S"]).items()}
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
    state = ActionState(identifier, _STATUSES[status], tries, made, dispatched, following)
    if not afterlife:
        return state
    times, after_tries, key, discarded, *given_up = afterlife
    redriven = Redriven(times, after_tries, key) if times else NEVER_REDRIVEN
    return replace(state, redriven=redriven, discarded=bool(discarded), given_up=given_up[0] if given_up else None)
