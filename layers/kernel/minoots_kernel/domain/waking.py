"""The two-leg wake-up: which leg carries a wake-up from now to its due time (ADR 0002)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from minoots_kernel.domain.messages import WakeUp

__all__ = ["MAX_QUEUE_DELAY_S", "FarLeg", "Leg", "NearLeg", "choose_leg", "lead_ms", "queue_delay_s"]

MAX_QUEUE_DELAY_S: Final = 900
"""SQS' longest `DelaySeconds`."""

MIN_LEAD_MS: Final = 75_000
MAX_LEAD_MS: Final = 840_000
MIN_SCHEDULE_AHEAD_MS: Final = 60_000
"""No schedule is made for less than a minute ahead: Scheduler may take the whole minute it was asked for."""

QUEUE_MARGIN_MS: Final = 300
"""A message is due this much before its wake-up, so that the hop and a coarse delay do not make it late."""


@dataclass(frozen=True, slots=True)
class NearLeg:
    """Send the wake-up to the queue with this delay, whole seconds."""

    delay_s: int


@dataclass(frozen=True, slots=True)
class FarLeg:
    """Make a one-shot schedule for this instant, epoch milliseconds, a whole second."""

    at_ms: int


Leg = NearLeg | FarLeg


def lead_ms(wake_up: WakeUp) -> int:
    """Return how long before the due time the schedule of a wake-up fires, milliseconds.

    Hashed over 75-840 s from the wake-up's identity: longer than Scheduler's minute and the hop, shorter than the
    queue's longest delay, and a herd on one instant spreads over hundreds of Scheduler seconds.
    """
    digest = hashlib.blake2b(wake_up.name.encode(), digest_size=8).digest()
    return MIN_LEAD_MS + int.from_bytes(digest) % (MAX_LEAD_MS - MIN_LEAD_MS + 1)


def queue_delay_s(residual_ms: int) -> int:
    """Return the `DelaySeconds` that brings a message back just before its time; 0 when that is now."""
    return min(MAX_QUEUE_DELAY_S, max(0, (residual_ms - QUEUE_MARGIN_MS) // 1000))


def choose_leg(wake_up: WakeUp, now_ms: int) -> Leg:
    """Choose the leg from what is left at this moment, not from what was left when the timer was made."""
    residual_ms = wake_up.due_at_ms - now_ms
    schedule_ms = (wake_up.due_at_ms - lead_ms(wake_up)) // 1000 * 1000
    if schedule_ms - now_ms >= MIN_SCHEDULE_AHEAD_MS:
        return FarLeg(schedule_ms)
    return NearLeg(queue_delay_s(residual_ms))
