"""Hear a sign of life: push a heartbeat timer out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.ports import Clock, TimerKey, TimerStore
from minoots_kernel.application.read_timers import MAX_ID, GetTimer
from minoots_kernel.domain.errors import DependencyUnavailableError, StateConflictError
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer

__all__ = ["HeartbeatTimer"]

MAX_TRIES: Final = 3
"""The timer was changed between the write that found nothing to do and the read that finds something."""


@dataclass(frozen=True, slots=True)
class HeartbeatTimer:
    """Push a heartbeat timer out: one conditional write and nothing else, for it is asked every few seconds."""

    store: TimerStore
    clock: Clock

    def __call__(self, principal: Principal, timer_id: str) -> Timer:
        """Return the timer as the beat left it; as it stands, if it is paused or was pushed out further already.

        Raises:
            NotFoundError: If the tenant has no such timer.
            ForbiddenError: If the principal may not do that with it.
            StateConflictError: If the timer has fired or ended, or waits for no heartbeat.
        """
        if not principal.authority.by_role:
            GetTimer(self.store)(principal, timer_id)  # a read more, for policies go by what the timer is
        for _ in range(MAX_TRIES):
            now_ms = self.clock.now_ms()
            if len(timer_id) <= MAX_ID and (timer := self.store.beat(TimerKey(principal.tenant_id, timer_id), now_ms)):
                return timer
            read = GetTimer(self.store)(principal, timer_id)
            _check(read)
            if beaten(read, now_ms) is None:
                return read
        raise DependencyUnavailableError("The timer is being changed by too many at once; try again.")


def _check(timer: Timer) -> None:
    if timer.status is not Status.PAUSED and not timer.status.pending:
        raise StateConflictError(f"the timer is {timer.status}: a heartbeat comes too late for it")
    if timer.timeout_ms is None:
        raise StateConflictError("the timer waits for no heartbeat: create it with heartbeat: true, or use extend")
