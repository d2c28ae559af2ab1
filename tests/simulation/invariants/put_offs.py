"""The invariants about attempts that were put off."""

from __future__ import annotations

from collections.abc import Iterator

from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from tests.simulation.crossing import MAX_LATE_MS
from tests.simulation.functions import TIMEOUTS_MS
from tests.simulation.invariants.facts import Facts
from tests.simulation.journal import Acked, Sent, Wrote
from tests.simulation.shield import LONGEST_MS, NOT_SENT
from tests.simulation.world import name_of

__all__ = ["made_or_put_off_too_long", "put_off_attempts_are_made_later", "put_off_by_another", "put_off_in"]

REACH_MS = 900_000
"""What a queue can wait."""

LATEST_WRITE_MS = TIMEOUTS_MS["orchestrator"] + MAX_LATE_MS
"""How long after it was decided a write may be made: calls take long, and what a function left behind is done later."""


def put_off_in(write: Wrote) -> Iterator[tuple[ActionState, ActionState]]:
    """Return each action whose next attempt a write put off, before and after."""
    if write.before is not None:
        for before, after in zip(write.before.actions, write.after.actions, strict=True):
            if after.put_off is not None and after.put_off != before.put_off:
                yield before, after


def put_off_attempts_are_made_later(facts: Facts) -> Iterator[str]:
    """What is put off was due, keeps its number, comes within the queue's reach, is sent, and waits so long and no
    longer; and the sweep does not take it for lost."""
    for write in facts.all_writes:
        for before, after in put_off_in(write):
            yield from _put_off(facts, write, before, after)
    for sent in facts.sent:
        if sent.by.use_case == "sweep_timers" and isinstance(sent.message, ActionMessage):
            yield from _swept(facts, sent, sent.message)
    for ack in facts.acks:
        for write in ack.by.wrote:
            for _, after in put_off_in(write):
                yield from _handed_over(facts, ack, write, after)


def _put_off(facts: Facts, write: Wrote, before: ActionState, after: ActionState) -> Iterator[str]:
    name = f"{name_of(write.after.id)}.{after.id}"
    due_ms, put_off = after.next_attempt_at_ms, after.put_off
    assert put_off is not None
    if after.tries != before.tries or after.status is not ActionStatus.DISPATCHED:
        yield f"{name} was put off, and has {after.tries} tries after {before.tries}, {after.status}"
    if (before.next_attempt_at_ms or 0) > write.at_ms + facts.skew_ms:
        yield f"{name} was put off before it was due: by a duplicate"
    if due_ms is None or due_ms - write.at_ms > REACH_MS + facts.skew_ms:
        yield f"{name} was put off past the queue's reach, or to no time"
    elif not _watched(write.after, due_ms + facts.skew_ms):
        yield f"{name} was put off, and the sweep will not look"
    known = before.put_off
    anew = known is None or known.cause is not put_off.cause
    if known is not None and not anew and put_off.since_ms != known.since_ms:
        yield f"{name} waits for the same as before, and the time it may take began anew"
    slack_ms = 2 * facts.skew_ms + facts.plan.latency_ms + LATEST_WRITE_MS
    if anew and write.at_ms - put_off.since_ms > slack_ms:
        yield f"{name} waits for something else, and the time it may take did not begin anew"
    if write.at_ms - put_off.since_ms > LONGEST_MS + REACH_MS + slack_ms:
        yield f"{name} was put off again after {write.at_ms - put_off.since_ms} ms"


def _watched(timer: Timer, due_ms: int) -> bool:
    check_ms = timer.next_check_at_ms
    return check_ms is not None and check_ms <= due_ms + REDISPATCH_AFTER_MS


def _swept(facts: Facts, sent: Sent, message: ActionMessage) -> Iterator[str]:
    read = sent.by.listed.get(message.timer_id)
    state = read.action(message.action_id) if read else None
    if state is None or state.put_off is None or state.next_attempt_at_ms is None:
        return
    if sent.at_ms < state.next_attempt_at_ms + REDISPATCH_AFTER_MS - facts.skew_ms:
        yield f"the sweep took {name_of(message.timer_id)}.{message.action_id} for lost, which was put off"


def _handed_over(facts: Facts, ack: Acked, write: Wrote, state: ActionState) -> Iterator[str]:
    now = ack.stood.action(state.id) if ack.stood else None
    over = now is not None and (now.tries > state.tries or now.status.terminal)
    if not over and not facts.sent_between(write, ack, state.id, state.next_attempt):
        yield f"{name_of(write.after.id)}.{state.id} was put off, and its message not sent by who wrote it"


def put_off_by_another(facts: Facts, ack: Acked, state: ActionState) -> bool:
    """Tell whether a message may be done with that did nothing: its twin put the attempt off, and goes on."""
    if ack.again or ack.stood is None:
        return False
    return any(
        write.by is not ack.by and write.number < ack.number and after.id == state.id and after.tries == state.tries
        for write in facts.writes[ack.stood.id]
        for _, after in put_off_in(write)
    )


def made_or_put_off_too_long(facts: Facts, timer_id: str, state: ActionState, number: int, made: set[str]) -> bool:
    """Tell whether an attempt on record was made, or waited so long that it counts as made."""
    if f"{name_of(timer_id)}.{state.id}#{number}" in made:
        return True
    kept = {attempt.number: attempt for attempt in state.attempts}
    if number not in kept:
        return any(after.id == state.id and after.tries == number - 1 for _, after in _all(facts, timer_id))
    attempt = kept[number]
    return any(
        attempt.started_at_ms - after.put_off.since_ms >= LONGEST_MS
        for _, after in _all(facts, timer_id)
        if after.id == state.id and after.tries == number - 1 and after.put_off
        if after.put_off.cause and attempt.error == f"not sent: {NOT_SENT[after.put_off.cause]}"
    )


def _all(facts: Facts, timer_id: str) -> Iterator[tuple[ActionState, ActionState]]:
    for write in facts.writes[timer_id]:
        yield from put_off_in(write)
