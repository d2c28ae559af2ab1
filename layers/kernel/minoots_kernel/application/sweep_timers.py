"""Find and repair timers that something lost: the last net under every hint."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from minoots_kernel.application.bury import bury
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.hints import attempt_delay_s, send_attempts, send_wake_ups
from minoots_kernel.application.ports import (
    ActionQueue,
    Clock,
    DeadLetterStore,
    Delayed,
    Metrics,
    TimerKey,
    TimerStore,
    WakeQueue,
    WakeSchedules,
)
from minoots_kernel.domain.commands import Recheck
from minoots_kernel.domain.errors import MinootsError, StaleHintError
from minoots_kernel.domain.repair import Repair, hints_afresh, repair_of
from minoots_kernel.domain.timer import Timer

__all__ = ["SweepReport", "SweepTimers"]

logger = logging.getLogger(__name__)

PAGE = 100
FAR_FUTURE_MS = 1 << 62
MINUTE_MS = 60_000

Turns = deque[tuple[int, str | None]]
"""Shards of the index that are yet to be read, each with where to go on in it."""


@dataclass(slots=True)
class SweepReport:
    """What a sweep did.

    Attributes:
        checked: Timers that the index named.
        repaired: By kind of repair, how many.
        failed: Timers whose repair has to wait for the next sweep.
        complete: Whether every shard was read to its end in the time there was.
        resume_from: Where the next call of a rebuild should go on, if not complete: shard and position.
    """

    checked: int = 0
    repaired: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    complete: bool = True
    resume_from: tuple[int, str | None] | None = None


@dataclass(frozen=True, slots=True)
class SweepTimers:
    """Repair what is overdue. Each repair re-reads its timer consistently; the index is only a hint.

    Repairs are hints too: a wake-up or an action message is sent again, and the timer is looked at once more later.
    The sweep fires nothing itself.
    """

    store: TimerStore
    dead_letters: DeadLetterStore
    wake_queue: WakeQueue
    action_queue: ActionQueue
    schedules: WakeSchedules
    clock: Clock
    metrics: Metrics

    def __call__(self, deadline_ms: int = FAR_FUTURE_MS) -> SweepReport:
        """Repair every timer whose check is due, until the deadline (epoch milliseconds).

        The shards take turns, page by page, so that a long one does not keep the others waiting; and another one begins
        each minute, so that a sweep that ends early does not always end before the same ones. The next sweep goes on
        where this one stopped: what was repaired has moved away from the front of its shard.
        """
        now_ms = self.clock.now_ms()
        shards = self.store.check_shards
        first = now_ms // MINUTE_MS % shards
        turns: Turns = deque((shard % shards, None) for shard in range(first, first + shards))
        report = self._sweep(repair_of, 0, now_ms, deadline_ms, turns, in_turn=True)
        if report.repaired:
            self.metrics.count("SweepRepairs", sum(report.repaired.values()))
            for kind, timers in report.repaired.items():
                self.metrics.count(f"Repaired{kind.capitalize()}", timers)
            logger.warning("timers repaired", extra={"repaired": report.repaired, "failed": report.failed})
        return report

    def rebuild(
        self,
        since_ms: int = 0,
        until_ms: int = FAR_FUTURE_MS,
        deadline_ms: int = FAR_FUTURE_MS,
        resume_from: tuple[int, str | None] = (0, None),
    ) -> SweepReport:
        """Send every hint of every living timer afresh.

        For when the queues and schedules are gone and the table is not: after a restore of the table from a backup, or
        a restart of the local stack.

        Args:
            since_ms: Leave out timers whose check is due before this, epoch milliseconds.
            until_ms: Leave out timers whose check is due after this.
            deadline_ms: When to stop.
            resume_from: `resume_from` of the call before, if that was not complete.
        """
        first, position = resume_from
        turns: Turns = deque(
            [(first, position), *((shard, None) for shard in range(first + 1, self.store.check_shards))]
        )
        report = self._sweep(hints_afresh, since_ms, until_ms, deadline_ms, turns, in_turn=False)
        logger.info("hints sent afresh", extra={"sent": report.repaired, "failed": report.failed})
        return report

    def _sweep(
        self,
        plan: Callable[[Timer, int], Repair | None],
        since_ms: int,
        until_ms: int,
        deadline_ms: int,
        turns: Turns,
        *,
        in_turn: bool,
    ) -> SweepReport:
        """Mend shards a page at a time, in turn or each to its end before the next."""
        report = SweepReport()
        while turns:
            shard, position = turns.popleft()
            if self.clock.now_ms() >= deadline_ms:
                report.complete, report.resume_from = False, (shard, position)
                return report
            page = self.store.due_for_check(shard, until_ms, PAGE, position, since_ms=since_ms)
            if page.items:
                self._mend(page.items, plan, report)
            if page.next_position is not None:
                (turns.append if in_turn else turns.appendleft)((shard, page.next_position))
        return report

    def _mend(self, keys: Sequence[TimerKey], plan: Callable[[Timer, int], Repair | None], report: SweepReport) -> None:
        """Mend a page of timers; one that cannot be mended now is left to the next sweep and keeps no other from it."""
        report.checked += len(keys)
        try:
            timers = self.store.get_many(keys)
        except MinootsError as error:
            report.failed += len(keys)
            logger.warning("timers cannot be read", extra={"timers": len(keys), "error": error.detail})
            return
        now_ms = self.clock.now_ms()
        planned = [(timer, repair) for timer in timers if (repair := plan(timer, now_ms))]
        failed = self._send([repair for _, repair in planned], now_ms)
        for timer, repair in planned:
            if timer.id in failed or not self._note(timer, repair):
                report.failed += 1
            elif repair.kind is not None:
                report.repaired[repair.kind] = report.repaired.get(repair.kind, 0) + 1

    def _send(self, repairs: list[Repair], now_ms: int) -> set[str]:
        """Send the hints of a page; returns the ids of timers of which one could not be sent."""
        wake_ups = [repair.wake_up for repair in repairs if repair.wake_up]
        attempts = [
            Delayed(message, attempt_delay_s(due_at_ms, now_ms))
            for repair in repairs
            for message, due_at_ms in repair.attempts
        ]
        unsent_wake_ups = send_wake_ups(wake_ups, self.wake_queue, self.schedules, now_ms)
        unsent_attempts = send_attempts(attempts, self.action_queue)
        failed = {hint.timer_id: why for unsent in (unsent_wake_ups, unsent_attempts) for hint, why in unsent.items()}
        for timer_id, why in failed.items():
            logger.warning("repair failed", extra={"timerId": timer_id, "error": why})
        return set(failed)

    def _note(self, timer: Timer, repair: Repair) -> bool:
        """Write what the repair leaves behind; returns whether that could be written."""
        now_ms = self.clock.now_ms()
        try:
            if repair.bury:
                bury(timer, self.store, self.dead_letters, self.metrics, now_ms, repaired=repair.kind)
            if repair.look_again_at_ms is not None:
                recheck = Recheck(timer.generation, repair.look_again_at_ms, repair.kind)
                change_timer(self.store, timer, recheck, now_ms)
        except StaleHintError:
            return True  # it ended, or somebody changed it, meanwhile
        except MinootsError as error:
            logger.warning("repair failed", extra={"timerId": timer.id, "error": error.detail})
            return False
        return True
