"""Find and repair timers that something lost: the last net under every hint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from minoots_kernel.application.arm_timers import send_wake_up
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import (
    ActionQueue,
    Clock,
    Delayed,
    Metrics,
    TimerKey,
    TimerStore,
    WakeQueue,
    WakeSchedules,
)
from minoots_kernel.domain.dispatch import message_for, overdue_messages, under_way
from minoots_kernel.domain.errors import DependencyUnavailableError, MinootsError, StaleHintError
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import CHECK_AFTER_MS, REDISPATCH_AFTER_MS, Recheck
from minoots_kernel.domain.waking import MAX_QUEUE_DELAY_S

__all__ = ["SweepReport", "SweepTimers"]

logger = logging.getLogger(__name__)

PAGE = 100
FAR_FUTURE_MS = 1 << 62


@dataclass(slots=True)
class SweepReport:
    """What a sweep did.

    Attributes:
        checked: Timers that the index named.
        repaired: By kind of repair, how many.
        failed: Timers whose repair has to wait for the next sweep.
        complete: Whether every shard was read to its end in the time there was.
    """

    checked: int = 0
    repaired: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class SweepTimers:
    """Repair what is overdue. Each repair re-reads its timer consistently; the index is only a hint.

    Repairs are hints too: a wake-up or an action message is sent again, and the timer is looked at once more later.
    The sweep fires nothing itself.
    """

    store: TimerStore
    wake_queue: WakeQueue
    action_queue: ActionQueue
    schedules: WakeSchedules
    clock: Clock
    metrics: Metrics

    def __call__(self, deadline_ms: int = FAR_FUTURE_MS) -> SweepReport:
        """Repair every timer whose check is due, shard by shard, until the deadline (epoch milliseconds)."""
        return self._sweep(self._repair, self.clock.now_ms(), deadline_ms)

    def rebuild(self, deadline_ms: int = FAR_FUTURE_MS) -> SweepReport:
        """Send every hint of every living timer afresh.

        For when the queues and schedules are gone and the table is not: after a restore of the table from a backup, or
        a restart of the local stack.
        """
        return self._sweep(self._resend, FAR_FUTURE_MS, deadline_ms)

    def _sweep(self, visit: Callable[[Timer], str | None], until_ms: int, deadline_ms: int) -> SweepReport:
        report = SweepReport()
        for shard in range(self.store.check_shards):
            position: str | None = None
            while True:
                if self.clock.now_ms() >= deadline_ms:
                    report.complete = False
                    return report
                page = self.store.due_for_check(shard, until_ms, PAGE, position)
                for key in page.items:
                    self._visit(key, visit, report)
                position = page.next_position
                if position is None:
                    break
        return report

    def _visit(self, key: TimerKey, visit: Callable[[Timer], str | None], report: SweepReport) -> None:
        report.checked += 1
        try:
            timer = self.store.get(key)
            repair = visit(timer) if timer is not None else None
        except MinootsError as error:
            # One timer that cannot be repaired now must not keep the others from it; the next sweep comes back.
            report.failed += 1
            logger.warning("repair failed", extra={"timerId": key.timer_id, "error": error.detail})
            return
        if repair is not None:
            report.repaired[repair] = report.repaired.get(repair, 0) + 1
            self.metrics.count("SweepRepairs")
            logger.warning("timer repaired", extra={"timerId": key.timer_id, "repair": repair})

    def _repair(self, timer: Timer) -> str | None:
        now_ms = self.clock.now_ms()
        if timer.next_check_at_ms is None or timer.next_check_at_ms > now_ms:
            return None  # the index was stale
        if timer.status.pending:
            self._wake(timer, now_ms)
            self._look_again(timer, max(timer.fire_at_ms, now_ms) + CHECK_AFTER_MS)
            return "unfired" if timer.fire_at_ms <= now_ms else "unarmed"
        messages = overdue_messages(timer, now_ms) if timer.status is Status.FIRED else []
        self._dispatch([Delayed(message) for message in messages])
        self._look_again(timer, self._next_look(timer, now_ms))
        return "undispatched" if messages else None

    def _resend(self, timer: Timer) -> str | None:
        now_ms = self.clock.now_ms()
        if timer.status.pending:
            self._wake(timer, now_ms)
            return "rearmed"
        if timer.status is not Status.FIRED:
            return None
        batch = []
        for state in under_way(timer):
            wait_s = max(0, -((now_ms - (state.next_attempt_at_ms or now_ms)) // 1000))
            # One further off than the queue reaches comes early, and waits for the rest in the queue again.
            batch.append(Delayed(message_for(timer, state), min(wait_s, MAX_QUEUE_DELAY_S)))
        self._dispatch(batch)
        return "redispatched"

    def _wake(self, timer: Timer, now_ms: int) -> None:
        wake_up = WakeUp(timer.tenant_id, timer.id, timer.generation, timer.fire_at_ms)
        send_wake_up(wake_up, self.wake_queue, self.schedules, now_ms)

    def _dispatch(self, batch: list[Delayed[ActionMessage]]) -> None:
        if batch and self.action_queue.send(batch):
            raise DependencyUnavailableError("The action queue refused a message.")

    def _look_again(self, timer: Timer, at_ms: int) -> None:
        try:
            change_timer(self.store, timer, Recheck(at_ms), self.clock.now_ms())
        except StaleHintError:
            return  # it ended meanwhile

    def _next_look(self, timer: Timer, now_ms: int) -> int:
        expected = [max(state.next_attempt_at_ms or 0, state.dispatched_at_ms or 0) for state in under_way(timer)]
        return max(min(expected, default=now_ms), now_ms) + REDISPATCH_AFTER_MS
