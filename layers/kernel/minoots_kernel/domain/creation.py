"""How a timer begins."""

from __future__ import annotations

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.domain.due_times import check_at, within_calendar
from minoots_kernel.domain.errors import InvalidTimerError
from minoots_kernel.domain.timer import ActionState, Moment, Status, Timer, TimerSpec

__all__ = ["new_timer"]


def new_timer(request: CreateTimerRequest, *, timer_id: str, tenant_id: str, now_ms: int) -> Timer:
    """Make a timer from a valid request.

    Args:
        request: The request, of which exactly one of duration and due time is set.
        timer_id: The new timer's id.
        tenant_id: The tenant that the caller's key names.
        now_ms: The service's clock, epoch milliseconds.

    Returns:
        A timer at version 1, `scheduled`.

    Raises:
        InvalidTimerError: If the due time is not in the future or lies past the calendar's end.
    """
    fire_at_ms = request.fire_at if request.fire_at is not None else now_ms + (request.duration or 0)
    field = "duration" if request.fire_at is None else "fireAt"
    if fire_at_ms <= now_ms:
        raise InvalidTimerError("The due time has passed.", ((field, "the due time must lie in the future"),))
    within_calendar(fire_at_ms, field)
    bundle = request.action_bundle
    return Timer(
        id=timer_id,
        tenant_id=tenant_id,
        name=request.name or f"timer_{now_ms}",
        requested_by=request.requested_by,
        status=Status.SCHEDULED,
        created_at_ms=now_ms,
        fire_at_ms=fire_at_ms,
        spec=TimerSpec(metadata=request.metadata, labels=request.labels, bundle=bundle),
        next_check_at_ms=check_at(fire_at_ms, now_ms),
        actions=tuple(ActionState(id=action.id) for action in bundle.actions) if bundle else (),
        timeline=(Moment("created", now_ms, 1),),
    )
