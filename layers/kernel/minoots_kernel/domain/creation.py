"""How a timer begins."""

from __future__ import annotations

from typing import Final

from minoots_contract.actions import Action, ActionBundle
from minoots_contract.agents import AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_contract.retry import RetryPolicy
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.domain.due_times import check_at, kept_policy, still_in_time, within_calendar
from minoots_kernel.domain.retry import resolved
from minoots_kernel.domain.timer import ActionState, Moment, Status, Timer, TimerSpec

__all__ = ["new_timer"]


_RETRIES: Final = RetryPolicy()


def new_timer(
    request: CreateTimerRequest,
    *,
    timer_id: str,
    tenant_id: str,
    now_ms: int,
    late_policy: LatePolicy | None = None,
    subject: str = "",
    retry_policy: RetryPolicy = _RETRIES,
) -> Timer:
    """Make a timer from a valid request.

    Args:
        request: The request, of which exactly one of duration and due time is set.
        timer_id: The new timer's id.
        tenant_id: The tenant that the caller's key names.
        now_ms: The service's clock, epoch milliseconds.
        late_policy: The deployment's, for a request that has none of its own.
        subject: Who asks, for a request that does not say.
        retry_policy: The tenant's, for what the request's own leave open.

    Returns:
        A timer at version 1, `scheduled`.

    Raises:
        InvalidTimerError: If the due time lies past the calendar's end, or in the past and the request's late policy
            does not allow that.
    """
    fire_at_ms = request.fire_at if request.fire_at is not None else now_ms + (request.duration or 0)
    field = "duration" if request.fire_at is None else "fireAt"
    still_in_time(within_calendar(fire_at_ms, field), now_ms, request.late_policy, field)
    bundle = request.action_bundle or _bundle_of(request.agent_binding)
    bundle = resolved(bundle, retry_policy) if bundle else None
    timeout_ms = request.duration if request.heartbeat else None
    return Timer(
        id=timer_id,
        tenant_id=tenant_id,
        name=request.name or f"timer_{now_ms}",
        requested_by=request.requested_by or subject,
        status=Status.SCHEDULED,
        created_at_ms=now_ms,
        fire_at_ms=fire_at_ms,
        spec=TimerSpec(request.metadata, request.labels, bundle, request.agent_binding),
        late_policy=kept_policy(request.late_policy or late_policy),
        next_check_at_ms=check_at(fire_at_ms, now_ms),
        timeout_ms=timeout_ms,
        beat_at_ms=None if timeout_ms is None else now_ms,
        actions=tuple(ActionState(id=action.id) for _, action in bundle.placed()) if bundle else (),
        timeline=(Moment("created", now_ms, 1),),
    )


def _bundle_of(binding: AgentBinding | None) -> ActionBundle | None:
    """Return what a timer does that has an agent and no actions: wake the agent."""
    return None if binding is None else ActionBundle(actions=[Action(id="agent", kind="agent_prompt")])
