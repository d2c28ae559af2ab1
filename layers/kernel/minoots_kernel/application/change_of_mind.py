"""Change what is wanted of a timer: cancel, extend, reschedule, snooze, pause, resume it, or fire it now."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from minoots_contract.changes import (
    CancelTimerRequest,
    ChangeRequest,
    ExtendTimerRequest,
    FireTimerRequest,
    PauseTimerRequest,
    RescheduleTimerRequest,
    ResumeTimerRequest,
    SnoozeTimerRequest,
)
from minoots_kernel.application.change import change_timer
from minoots_kernel.application.hints import wake_directly
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Clock, TimerStore, WakeQueue
from minoots_kernel.application.read_timers import GetTimer
from minoots_kernel.domain.commands import Cancel, Change, Extend, FireNow, Pause, Reschedule, Resume, Snooze
from minoots_kernel.domain.guards import Guard, remembered
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["ChangeOfMind"]

_TIME_FIELDS: Final[dict[type[Change], str]] = {Extend: "by", Snooze: "duration", Resume: "keep"}
"""The wire field that a due time comes from; of a reschedule it is one of two."""


@dataclass(frozen=True, slots=True)
class ChangeOfMind:
    """Carry out a change of mind. Against a firing exactly one wins, and the caller is told which.

    Attributes:
        limits: Holds tenants to their tiers; none where nobody is held.
    """

    store: TimerStore
    wake_queue: WakeQueue
    clock: Clock
    limits: Limits | None = None

    def __call__(
        self,
        principal: Principal,
        timer_id: str,
        request: ChangeRequest,
        *,
        versions: frozenset[int] | None = None,
        idempotency_key: str | None = None,
    ) -> Timer:
        """Return the timer as the change left it; as it was, if that is what is asked for.

        Args:
            principal: Who calls.
            timer_id: Which timer.
            request: What is wanted of it.
            versions: Change the timer only if it stands at one of these; at any when none. The request's own
                `state_version` has to hold beside them.
            idempotency_key: Asked again with the same key, the change is not made again, whatever version the timer
                has by then. The timer remembers the latest few.

        Raises:
            NotFoundError: If the tenant has no such timer.
            ForbiddenError: If the principal may not do that with it.
            StateConflictError: If its status does not allow the change.
            VersionMismatchError: If it stands at another version.
            IdempotencyMismatchError: If the key came with another request.
            InvalidTimerError: If the due time would be one that cannot be.
            BeyondTierError: If it would lie farther ahead than the tenant's tier allows.
        """
        timer = GetTimer(self.store)(principal, timer_id)
        guard = _guard(principal, request, versions, idempotency_key)
        command = _command(request, principal.subject)
        if self.limits is not None:
            guard = _limited(guard, self.limits, principal, command)
        changed = change_timer(self.store, timer, command, self.clock.now_ms(), guard).timer
        # Unchanged, too: the request before may have crashed between its write and this.
        wake_directly(changed, self.wake_queue, self.clock)
        return changed


def _guard(principal: Principal, request: ChangeRequest, versions: frozenset[int] | None, key: str | None) -> Guard:
    if request.state_version is not None:
        own = frozenset({request.state_version})
        versions = own if versions is None else own & versions
    asked = f"{type(request).__name__} {json.dumps(request.wire(), sort_keys=True)}"
    return Guard(versions, None if key is None else remembered(key, asked), permit=principal.check, via=principal.via)


def _limited(guard: Guard, limits: Limits, principal: Principal, command: Change) -> Guard:
    reschedules = isinstance(command, Reschedule) and command.fire_at_ms is not None
    field = "fireAt" if reschedules else _TIME_FIELDS.get(type(command), "duration")
    return replace(guard, limit=lambda before, after: limits.check_move(principal, before, after, field))


def _command(request: ChangeRequest, subject: str) -> Change:  # noqa: PLR0911  one answer a request
    by, why = request.requested_by or subject, request.reason
    match request:
        case CancelTimerRequest():
            return Cancel(by, why)
        case ExtendTimerRequest():
            return Extend(by, why, by_ms=request.by)
        case RescheduleTimerRequest():
            when = {"fire_at_ms": request.fire_at, "duration_ms": request.duration}
            return Reschedule(by, why, **when, late_policy=request.late_policy)
        case SnoozeTimerRequest():
            return Snooze(by, why, duration_ms=request.duration)
        case PauseTimerRequest():
            return Pause(by, why)
        case ResumeTimerRequest():
            return Resume(by, why, keep_due_time=request.keep == "dueTime")
        case FireTimerRequest():
            return FireNow(by, why)
        case _:
            raise TypeError(f"{type(request).__name__} is no change of mind")
