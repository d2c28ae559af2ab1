"""What the kernel keeps as the wire shows it; REST, events and gRPC share these."""

from __future__ import annotations

from minoots_contract.commands import CommandTemplateReply
from minoots_contract.dead_letters import DeadLetterReply
from minoots_contract.inbox import InboxMessageReply
from minoots_contract.timers import (
    ActionReply,
    AttemptReply,
    HeartbeatReply,
    PutOffReply,
    TimelineEntry,
    TimerReply,
)
from minoots_kernel.domain.acknowledgement_views import acknowledgement_view
from minoots_kernel.domain.command_templates import CommandTemplate
from minoots_kernel.domain.dead_letters import DeadLetter, LetterState
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.inbox import LeasedMessage
from minoots_kernel.domain.timer import ActionState, Attempt, Moment, Timer

__all__ = ["command_template_reply", "dead_letter_reply", "inbox_message_reply", "timer_reply"]


def timer_reply(timer: Timer) -> TimerReply:
    """Return the wire's view of a timer."""
    return TimerReply.model_construct(
        id=timer.id,
        tenant_id=timer.tenant_id,
        name=timer.name,
        status=timer.status.value,
        duration_ms=timer.duration_ms,
        created_at=timer.created_at_ms,
        fire_at=timer.fire_at_ms,
        requested_by=timer.requested_by,
        metadata=timer.spec.metadata,
        labels=timer.spec.labels,
        action_bundle=timer.spec.bundle,
        late_policy=timer.late_policy,
        heartbeat=_heartbeat(timer),
        agent_binding=timer.spec.agent_binding,
        armed_at=timer.armed_at_ms,
        paused_at=timer.paused_at_ms,
        remaining_ms=timer.remaining_ms,
        fired_at=timer.fired_at_ms,
        lateness_ms=timer.lateness_ms,
        settled_at=timer.settled_at_ms,
        cancelled_at=timer.cancelled_at_ms,
        cancel_reason=timer.cancel_reason,
        cancelled_by=timer.cancelled_by,
        failure_reason=timer.failure_reason,
        outcome=timer.outcome,
        state_version=timer.version,
        actions=[_action(timer, state) for state in timer.actions] or None,
        timeline=[_entry(moment) for moment in timer.timeline],
    )


def dead_letter_reply(letter: DeadLetter) -> DeadLetterReply:
    """Return the wire's view of a letter that is dead or was redriven."""
    return DeadLetterReply.model_construct(
        id=letter.id,
        timer_id=letter.timer_id,
        action_id=letter.action_id,
        kind=letter.kind,
        state="dead" if letter.state is LetterState.DEAD else "redriven",
        request=letter.request,
        reason=letter.reason,
        attempts=[_attempt(attempt) for attempt in letter.attempts],
        dead_at=letter.dead_at_ms,
        labels=letter.labels,
        redrives=letter.death,
        redriven_at=letter.changed_at_ms,
    )


def _heartbeat(timer: Timer) -> HeartbeatReply | None:
    if timer.timeout_ms is None:
        return None
    return HeartbeatReply.model_construct(timeout_ms=timer.timeout_ms, beats=timer.beats)


def _entry(moment: Moment) -> TimelineEntry:
    return TimelineEntry.model_construct(event=moment.event, at=moment.at_ms, by=moment.by, note=moment.note)


def _action(timer: Timer, state: ActionState) -> ActionReply:
    known = timer.acknowledgement(state.id)
    waits = known is not None and known.waits
    return ActionReply.model_construct(
        id=state.id,
        state=state.status.value,
        delivery_id=delivery_id(timer.id, state.id),
        attempts=[_attempt(attempt) for attempt in state.attempts],
        next_attempt_at=None if waits else state.next_attempt_at_ms,
        put_off=_put_off(state),
        given_up=state.given_up,
        acknowledgement=acknowledgement_view(state, known) if known else None,
    )


def _put_off(state: ActionState) -> PutOffReply | None:
    if state.put_off is None:
        return None
    return PutOffReply.model_construct(
        times=state.put_off.times, since=state.put_off.since_ms, reason=state.put_off.reason
    )


def _attempt(attempt: Attempt) -> AttemptReply:
    return AttemptReply.model_construct(
        attempt=attempt.number,
        started_at=attempt.started_at_ms,
        ended_at=attempt.ended_at_ms,
        outcome=attempt.outcome,
        status_code=attempt.status_code,
        error=attempt.error,
        failure=attempt.failure,
        connect_ms=attempt.connect_ms,
        first_byte_ms=attempt.first_byte_ms,
        response_excerpt=attempt.excerpt,
    )


def inbox_message_reply(leased: LeasedMessage) -> InboxMessageReply:
    """Return the wire's view of a leased message."""
    message = leased.message
    return InboxMessageReply.model_construct(
        receipt=leased.receipt,
        delivery_id=message.id,
        timer_id=message.timer_id,
        action_id=message.action_id,
        kind=message.kind,
        fired_at=message.fired_at_ms,
        payload=message.payload,
        acknowledgement=message.acknowledgement,
        received=leased.received,
        leased_until=leased.leased_until_ms,
    )


def command_template_reply(template: CommandTemplate) -> CommandTemplateReply:
    """Return the wire's view of a command template."""
    return CommandTemplateReply.model_construct(
        name=template.name,
        version=template.version,
        body=template.body,
        description=template.description,
        arguments_schema=template.arguments_schema,
        created_at=template.created_at_ms,
    )
