"""Which actions of a fired timer are handed over, and when the sweep looks whether they were lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["REDISPATCH_AFTER_MS", "next_check", "release"]

REDISPATCH_AFTER_MS: Final = 45_000
"""How long a dispatched action may stay without an outcome before it is sent again: longer than the longest attempt
(30 s), shorter than the time after which a crashed wake-up comes back (two minutes)."""


def release(actions: tuple[ActionState, ...], concurrency: int, now_ms: int) -> tuple[ActionState, ...]:
    """Dispatch waiting actions, in order, until as many are under way as the bundle allows."""
    free = concurrency - sum(action.status is ActionStatus.DISPATCHED for action in actions)
    released: list[ActionState] = []
    for action in actions:
        if action.status is ActionStatus.WAITING and free > 0:
            free -= 1
            released.append(replace(action, status=ActionStatus.DISPATCHED, dispatched_at_ms=now_ms))
        else:
            released.append(action)
    return tuple(released)


def next_check(timer: Timer, actions: tuple[ActionState, ...]) -> int:
    """Leave the sweep's time alone as long as it catches a loss: a change costs two index writes.

    The action that is expected first decides: a long wait of one must not hide the loss of another.
    """
    expected_ms = min(
        max(action.next_attempt_at_ms or 0, action.dispatched_at_ms or 0)
        for action in actions
        if action.status is ActionStatus.DISPATCHED
    )
    latest_ms = expected_ms + REDISPATCH_AFTER_MS
    check_ms = timer.next_check_at_ms
    return check_ms if check_ms is not None and expected_ms <= check_ms <= latest_ms else latest_ms
