"""Putting hints on their way, many to a call; what could not be sent is told, hint by hint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from minoots_kernel.application.ports import ActionQueue, Clock, Delayed, WakeQueue, WakeSchedules
from minoots_kernel.domain.dispatch import wake_up_for
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.waking import MAX_QUEUE_DELAY_S, FarLeg, choose_leg, queue_delay_s

__all__ = [
    "DIRECT_WITHIN_MS",
    "attempt_delay_s",
    "send_attempts",
    "send_near",
    "send_wake_ups",
    "wake_all_directly",
    "wake_directly",
]

logger = logging.getLogger(__name__)

REFUSED: Final = "the queue refused it"

DIRECT_WITHIN_MS: Final = 5_000
"""A timer due sooner than this gets its wake-up from the request itself: its stream record may come too late."""


def wake_directly(timer: Timer, wake_queue: WakeQueue, clock: Clock) -> None:
    """Send the wake-up of a timer that is due sooner than its stream record is sure to be seen; of others, nothing."""
    wake_all_directly([timer], wake_queue, clock)


def wake_all_directly(timers: Sequence[Timer], wake_queue: WakeQueue, clock: Clock) -> None:
    """Do so for many timers, ten to a call."""
    now_ms = clock.now_ms()
    soon = [timer for timer in timers if timer.status.pending and timer.fire_at_ms - now_ms <= DIRECT_WITHIN_MS]
    near = [Delayed(wake_up_for(timer), queue_delay_s(timer.fire_at_ms - now_ms)) for timer in soon]
    for wake_up, reason in send_near(near, wake_queue).items():
        # The timer is stored: the stream arms it, and behind the stream the sweep.
        logger.warning("direct wake-up not sent", extra={"timerId": wake_up.timer_id, "reason": reason})


def send_wake_ups(
    wake_ups: Sequence[WakeUp], wake_queue: WakeQueue, schedules: WakeSchedules, now_ms: int
) -> dict[WakeUp, str]:
    """Send wake-ups, each by the leg that fits what is left.

    Returns:
        Those that could not be sent, each with the reason.
    """
    near: list[Delayed[WakeUp]] = []
    failed: dict[WakeUp, str] = {}
    for wake_up in wake_ups:
        leg = choose_leg(wake_up, now_ms)
        if not isinstance(leg, FarLeg):
            near.append(Delayed(wake_up, leg.delay_s))
            continue
        try:
            schedules.put(wake_up, leg.at_ms)
        except MinootsError as error:
            failed[wake_up] = error.detail
    return failed | send_near(near, wake_queue)


def send_near(near: Sequence[Delayed[WakeUp]], wake_queue: WakeQueue) -> dict[WakeUp, str]:
    """Send wake-ups to the queue; returns those that could not be sent, each with the reason."""
    try:
        refused = wake_queue.send(near) if near else []
    except MinootsError as error:
        return {delayed.message: error.detail for delayed in near}
    return {delayed.message: REFUSED for delayed in refused}


def send_attempts(batch: Sequence[Delayed[ActionMessage]], action_queue: ActionQueue) -> dict[ActionMessage, str]:
    """Send action messages; returns those that could not be sent, each with the reason."""
    try:
        refused = action_queue.send(batch) if batch else []
    except MinootsError as error:
        return {delayed.message: error.detail for delayed in batch}
    return {delayed.message: REFUSED for delayed in refused}


def attempt_delay_s(due_at_ms: int, now_ms: int) -> int:
    """Return the whole seconds until an attempt, rounded up; past the queue's reach it comes early and waits again."""
    return min(max(0, -((now_ms - due_at_ms) // 1000)), MAX_QUEUE_DELAY_S)
