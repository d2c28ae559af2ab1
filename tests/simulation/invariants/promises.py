"""The invariants of ARCHITECTURE about the timer itself: its item, its writes, its firing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status
from tests.simulation.invariants.bundles import Roles, expected_outcome
from tests.simulation.invariants.facts import (
    ENDED,
    Facts,
    hint_of,
    leaves_waiting,
    newly_released,
    tried,
    wrote_discard,
    wrote_redrive,
)
from tests.simulation.invariants.lateness import was_too_late
from tests.simulation.journal import Posted, Sent, Wrote
from tests.simulation.world import name_of

__all__ = [
    "a_stale_wake_up_dies",
    "every_transition_is_one_conditional_write",
    "never_early",
    "never_lost",
    "one_fire_transition",
    "the_timer_item_is_the_truth",
]

S = Status
MAY_FOLLOW = {
    S.SCHEDULED: {S.SCHEDULED, S.ARMED, S.PAUSED, S.FIRED, S.SETTLED, S.CANCELLED, S.FAILED},
    S.ARMED: {S.ARMED, S.SCHEDULED, S.PAUSED, S.FIRED, S.SETTLED, S.CANCELLED, S.FAILED},
    S.PAUSED: {S.PAUSED, S.SCHEDULED, S.CANCELLED},
    S.FIRED: {S.FIRED, S.SETTLED, S.FAILED},
    S.FAILED: {S.FAILED, S.FIRED},
    S.SETTLED: {S.SETTLED, S.FIRED},
}
NEVER_CHANGES = ("id", "tenant_id", "name", "requested_by", "created_at_ms", "spec")
MAX_TIMELINE, MAX_ATTEMPTS_KEPT = 40, 10
DISARMED_WITHIN_MS = 130_000


def the_timer_item_is_the_truth(facts: Facts) -> Iterator[str]:
    """Hints are checked against the item before anything happens, and none is ahead of it."""
    for sent in facts.sent:
        yield from _sent_before_it_was_true(sent)
    for post in facts.all_posts:
        yield from _posted_against_the_item(post, facts)
    repairs = [(sent, sent.message.timer_id) for sent in facts.sent] + [
        (write, write.after.id) for write in facts.all_writes
    ]
    for repair, timer_id in repairs:
        if repair.by.use_case == "sweep_timers":
            yield from _repaired_on_hearsay(repair, timer_id, facts)
    for write in facts.all_writes:
        if write.before and write.before.status is not S.ARMED and write.after.status is S.ARMED:
            asked = [armed for armed in facts.armed if armed.number < write.number]
            armed_as = (write.after.id, write.after.generation)
            if not any((one.wake_up.timer_id, one.wake_up.generation) == armed_as for one in asked):
                yield f"{name_of(write.after.id)} was called armed before it had a schedule"


def _sent_before_it_was_true(sent: Sent) -> Iterator[str]:
    hint, stood = sent.message, sent.stood
    if sent.by.record is not None and sent.by.record["forged"]:
        return  # it goes on as it came, and is checked when it is due
    name = name_of(hint.timer_id)
    if stood is None:
        yield f"a hint for {name} was sent before {name} was stored"
    elif hint.action_id is not None:
        state = stood.action(hint.action_id)
        waits = state is not None and state.status is ActionStatus.WAITING
        # One of an attempt that was made before a redrive is late, and not ahead.
        if state is None or (hint.attempt or 0) > state.tries + (not waits):
            yield f"attempt {hint.attempt} of {name}.{hint.action_id} was sent before the item called for it"
    elif isinstance(hint, WakeUp) and (hint.generation, hint.lap) > (stood.generation, stood.lap):
        yield f"a wake-up of {name} was sent for a generation or lap that is not stored"


def _repaired_on_hearsay(repair: Sent | Wrote, timer_id: str, facts: Facts) -> Iterator[str]:
    read, name = repair.by.listed.get(timer_id), name_of(timer_id)
    if read is None:
        yield f"the sweep repaired {name}, which it had not read"
    elif read.next_check_at_ms is None or read.next_check_at_ms > repair.at_ms + facts.skew_ms:
        yield f"the sweep repaired {name} on the word of its index: the item's check was not due"


def _posted_against_the_item(post: Posted, facts: Facts) -> Iterator[str]:
    what = f"attempt {post.attempt} of {name_of(post.timer_id)}.{post.action_id}"
    state = post.seen.action(post.action_id) if post.seen else None
    if post.seen is None or state is None:
        yield f"{what} was made though the item was not read, or has no such action"
        return
    if post.seen.status is not S.FIRED or state.status is not ActionStatus.DISPATCHED:
        yield f"{what} was made though the item that was read was {post.seen.status}, the action {state.status}"
    if state.tries + 1 != post.attempt:
        yield f"{what} was made though the item that was read called for attempt {state.tries + 1}"
    if (state.next_attempt_at_ms or 0) > post.at_ms + facts.skew_ms:
        yield f"{what} was made before its time"


def every_transition_is_one_conditional_write(facts: Facts) -> Iterator[str]:
    """Each write raises the version by one, on top of what stands there, by a legal move, and undoes nothing."""
    for write in facts.all_writes:
        name, before, after = name_of(write.after.id), write.before, write.after
        if before is None:
            if write.stood is not None or after.version != 1 or after.status is not S.SCHEDULED:
                yield f"{name} was created over something, or not as version 1, scheduled"
            continue
        if write.stood is not before and write.stood != before:
            yield f"{name} v{after.version} was not written on top of what stood there"
        if after.version != before.version + 1:
            yield f"{name} went from version {before.version} to {after.version}"
        if after.status not in MAY_FOLLOW.get(before.status, set()):
            yield f"{name} went from {before.status} to {after.status}"
        yield from _undone(write, name)


def _undone(write: Wrote, name: str) -> Iterator[str]:
    before, after = write.before, write.after
    assert before is not None
    for field in NEVER_CHANGES:
        if getattr(before, field) is not getattr(after, field) and getattr(before, field) != getattr(after, field):
            yield f"{name} v{after.version} changed {field}"
    again = before.timeline[-1].event == "repaired" and after.timeline[-1].event == "repaired"
    kept = before.timeline[:-1] if again else before.timeline  # the latest of equal repairs stands for all
    if len(before.timeline) < MAX_TIMELINE and after.timeline[: len(kept)] != kept:
        yield f"{name} v{after.version} lost something of its timeline"
    if after.generation < before.generation or (before.fired_at_ms and after.fired_at_ms != before.fired_at_ms):
        yield f"{name} v{after.version} took a generation or a firing back"
    yield from _undone_actions(write, name, list(tried(write)))
    if after.status is S.FIRED and before.status in ENDED and not list(wrote_redrive(write)):
        yield f"{name} v{after.version} is on its way again, and nothing was redriven"


def _undone_actions(write: Wrote, name: str, changed: list[tuple[ActionState, ActionState]]) -> Iterator[str]:
    before, after = write.before, write.after
    assert before is not None
    meant = {state.id for _, state in wrote_redrive(write)} | {state.id for state in wrote_discard(write)}
    if len(changed) > 1 or any(new.tries != old.tries + 1 for old, new in changed):
        yield f"{name} v{after.version} recorded more or less than one attempt"
    for old, new in zip(before.actions, after.actions, strict=True):
        if old.status.terminal and new != old and old.id not in meant:
            yield f"{name}.{old.id} was {old.status} and changed"
        numbers = [attempt.number for attempt in new.attempts]
        if numbers != list(range(1, new.tries + 1))[-MAX_ATTEMPTS_KEPT:]:
            yield f"{name}.{new.id} has attempts {numbers} of {new.tries}"
    bundle = after.spec.bundle
    mains = Roles(bundle).mains if bundle else []
    busy = sum(state.status is ActionStatus.DISPATCHED and state.id in mains for state in after.actions)
    if bundle and busy > bundle.concurrency:
        yield f"{name} v{after.version} has more actions under way than its concurrency"


def never_early(facts: Facts) -> Iterator[str]:
    """`firedAt ≥ fireAt` by the service's clock, and by true time but for what that clock may be off."""
    for timer_id in facts.writes:
        for write in facts.fires(timer_id):
            assert write.before is not None
            assert write.after.fired_at_ms is not None
            if write.after.fired_at_ms < write.before.fire_at_ms:
                yield f"{name_of(timer_id)} fired {write.before.fire_at_ms - write.after.fired_at_ms} ms early"
            if write.at_ms < write.before.fire_at_ms - facts.skew_ms:
                yield f"{name_of(timer_id)} fired {write.before.fire_at_ms - write.at_ms} ms before it was time"
            if write.after.fired_at_ms > write.at_ms + facts.skew_ms:
                yield f"{name_of(timer_id)} says it fired at a time that had not come"
    for post in facts.all_posts:
        if post.stood is not None and post.at_ms < post.stood.fire_at_ms - facts.skew_ms:
            yield f"{name_of(post.timer_id)}.{post.action_id} was sent before its timer was due"


def never_lost(facts: Facts) -> Iterator[str]:
    """Every timer that was stored ends: fired, with every action at its end, or cancelled; or somebody paused it."""
    for timer_id, timer in facts.ends.items():
        name = name_of(timer_id)
        if timer.status not in ENDED and timer.status is not S.PAUSED:
            yield f"{name} is still {timer.status}"
        elif timer.status not in {S.CANCELLED, S.PAUSED} and not was_too_late(timer):
            failed = expected_outcome(timer) == "failed"
            if timer.fired_at_ms is None or not all(state.status.terminal for state in timer.actions):
                yield f"{name} is {timer.status}, with actions {[str(state.status) for state in timer.actions]}"
            elif (timer.status is S.FAILED) != failed:
                yield f"{name} is {timer.status}, though its actions {'failed' if failed else 'succeeded'}"
    for answer in facts.answers:
        if answer.order.verb == "create" and answer.outcome == "ok" and answer.value.id not in facts.ends:
            yield f"{name_of(answer.value.id)} was acknowledged and is nowhere"


def one_fire_transition(facts: Facts) -> Iterator[str]:
    """A timer fires once, or is cancelled."""
    for timer_id, timer in facts.ends.items():
        fires = [write for write in facts.writes[timer_id] if _leaves_waiting(write)]
        told = [moment.event for moment in timer.timeline if moment.event in {"fired", "cancelled"}]
        if len(fires) > 1 or len(told) > 1:
            yield f"{name_of(timer_id)} {' and '.join(told)}, in {len(fires)} writes"


def _leaves_waiting(write: Wrote) -> bool:
    fires = bool(newly_released(write.before, write.after)) if write.before else False
    refired = write.before is not None and write.after.fired_at_ms != write.before.fired_at_ms
    again = fires and write.before is not None and write.before.status in ENDED and not list(wrote_redrive(write))
    return leaves_waiting(write) or (refired and not _fired_by_redrive(write)) or again


def _fired_by_redrive(write: Wrote) -> bool:
    """Tell whether a timer fired that had been too late to."""
    return write.before is not None and was_too_late(write.before) and bool(list(wrote_redrive(write)))


def a_stale_wake_up_dies(facts: Facts) -> Iterator[str]:
    """A wake-up acts for its own generation only, and a timer that was cancelled is heard of no more."""
    for timer_id, writes in facts.writes.items():
        name = name_of(timer_id)
        for write in facts.woken(timer_id):
            hint = write.by.hint
            if write.before and hint is not None and hint.generation != write.before.generation:
                yield f"a wake-up of generation {hint.generation} fired {name}, of generation {write.before.generation}"
        for earlier, later in pairwise(writes):
            if later.after.status is S.CANCELLED:
                yield from _cancelled(facts, earlier, later, name)
        yield from _left_schedules(facts, writes, name)
    yield from _multiplied(facts)


def _cancelled(facts: Facts, before: Wrote, cancel: Wrote, name: str) -> Iterator[str]:
    if cancel.after.generation != before.after.generation + 1:
        yield f"{name} was cancelled, and its wake-ups are of its generation still"
    if any(post.number > cancel.number for post in facts.posts[cancel.after.id]):
        yield f"{name} acted though it was cancelled"


def _left_schedules(facts: Facts, writes: list[Wrote], name: str) -> Iterator[str]:
    """The schedule of a generation that is over goes; of later laps it may be made while it is being removed."""
    timer_id = writes[0].after.id
    fired = [one for one in facts.scheduled if one.wake_up.timer_id == timer_id and not one.wake_up.lap]
    if not fired or facts.arming_disturbed(timer_id):
        return
    for one in fired:
        over = next((write for write in writes if write.after.generation > one.wake_up.generation), None)
        if over is not None and one.at_ms > over.at_ms + DISARMED_WITHIN_MS:
            yield f"the schedule of {name} was left though its generation {one.wake_up.generation} was over"


def _multiplied(facts: Facts) -> Iterator[str]:
    """Of the copies of a wake-up whose timer was pushed out, one goes on; and those that failed, and came back."""
    seen = set()
    for hint in sorted([*facts.sent, *facts.armed], key=lambda entry: entry.number):
        wake_up, by = hint_of(hint), hint.by
        if not isinstance(wake_up, WakeUp) or wake_up.action_id is not None:
            continue
        if by.use_case != "fire_timer" or by.again or by.hint == wake_up:
            continue
        lap = (wake_up.timer_id, wake_up.generation, wake_up.lap)
        if lap in seen:
            yield f"lap {wake_up.lap} of {name_of(wake_up.timer_id)} was given two wake-ups"
        seen.add(lap)
