"""Timers that fire when nothing is heard any more (ADR 0013)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minoots_kernel.domain.timer import Timer

__all__ = ["beaten", "watch_until"]


def beaten(timer: Timer, now_ms: int) -> Timer | None:
    """Return a timer as a heartbeat leaves it: due a whole timeout from now, and nothing else touched.

    Neither the generation nor the sweep's time changes: the wake-up under way comes too early and sends itself on, and
    the sweep moves its look when it finds the timer not due.

    Returns:
        None if there is nothing to push: the timer waits for no heartbeat, or not now, or was beaten at this instant or
        a later one, so that a beat never makes it due sooner.
    """
    if not timer.status.pending or timer.timeout_ms is None or timer.beat_at_ms is None or timer.beat_at_ms >= now_ms:
        return None
    return replace(
        timer,
        version=timer.version + 1,
        beats=timer.beats + 1,
        beat_at_ms=now_ms,
        fire_at_ms=now_ms + timer.timeout_ms,
    )


def watch_until(timer: Timer, fire_at_ms: int) -> dict[str, Any]:
    """Return what changes of a heartbeat timer with its due time, epoch milliseconds; of another timer, nothing."""
    return {} if timer.timeout_ms is None else {"beat_at_ms": fire_at_ms - timer.timeout_ms, "lap": 0}
