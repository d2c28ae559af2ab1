"""Create a timer."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.ports import Clock, Delayed, IdFactory, TimerStore, WakeQueue
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.dispatch import wake_up_for
from minoots_kernel.domain.errors import ForbiddenError, MinootsError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.waking import queue_delay_s

__all__ = ["DIRECT_WITHIN_MS", "CreateTimer"]

logger = logging.getLogger(__name__)

DIRECT_WITHIN_MS = 5_000
"""A timer due sooner than this gets its wake-up from the request itself: its stream record may come too late."""


@dataclass(frozen=True, slots=True)
class CreateTimer:
    """Store a timer; once this returns, the timer fires whatever crashes."""

    store: TimerStore
    wake_queue: WakeQueue
    clock: Clock
    ids: IdFactory

    def __call__(self, principal: Principal, request: CreateTimerRequest) -> Timer:
        """Create a timer for the principal's tenant.

        Raises:
            ForbiddenError: If the request names another tenant.
            InvalidTimerError: If the due time is not in the future or past the calendar.
            DependencyUnavailableError: If the store does not answer; the timer may then exist.
        """
        if request.tenant_id is not None and request.tenant_id != principal.tenant_id:
            raise ForbiddenError(
                f"Your key belongs to tenant '{principal.tenant_id}'.",
                (("tenantId", "leave it out, or name your own tenant"),),
            )
        now_ms = self.clock.now_ms()
        timer = new_timer(request, timer_id=self.ids.new_id(), tenant_id=principal.tenant_id, now_ms=now_ms)
        self.store.create(timer)
        if timer.fire_at_ms - now_ms <= DIRECT_WITHIN_MS:
            self._wake_directly(timer)
        return timer

    def _wake_directly(self, timer: Timer) -> None:
        wake_up = wake_up_for(timer)
        delay_s = queue_delay_s(timer.fire_at_ms - self.clock.now_ms())
        try:
            refused = self.wake_queue.send([Delayed(wake_up, delay_s)])
        except MinootsError as error:
            refused, reason = [Delayed(wake_up)], error.detail
        else:
            reason = "the queue refused it"
        if refused:
            # The timer is stored: the stream arms it, and behind the stream the sweep.
            logger.warning("direct wake-up not sent", extra={"timerId": timer.id, "reason": reason})
