"""When the sweep looks whether an action that was handed over was lost."""

from __future__ import annotations

from typing import Final

from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["REDISPATCH_AFTER_MS", "next_check"]

REDISPATCH_AFTER_MS: Final = 45_000
"""How long a dispatched action may stay without an outcome before it is sent again: longer than the longest attempt
(30 s), shorter than the time after which a crashed wake-up comes back (two minutes)."""


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
