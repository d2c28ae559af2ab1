"""Cancel a timer that has not fired."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.timers import CancelTimerRequest
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.ports import Clock, TimerStore
from minoots_kernel.application.read_timers import GetTimer
from minoots_kernel.domain.commands import Cancel
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["CancelTimer"]


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Cancel a timer. Against a firing exactly one wins, and the caller is told which."""

    store: TimerStore
    clock: Clock

    def __call__(self, principal: Principal, timer_id: str, request: CancelTimerRequest) -> Timer:
        """Return the cancelled timer; a second cancel changes nothing and keeps the first one's reason.

        Raises:
            NotFoundError: If the tenant has no such timer.
            StateConflictError: If it has fired.
        """
        timer = GetTimer(self.store)(principal, timer_id)
        command = Cancel(request.requested_by, request.reason)
        return change_timer(self.store, timer, command, self.clock.now_ms()).timer
