"""The invariants about actions: what receivers get, what is acknowledged, what is left of those that failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from tests.simulation.invariants.facts import (
    PENDING,
    Facts,
    calls_for,
    hint_of,
    leaves_waiting,
    newly_released,
    wrote_attempt,
    wrote_fire,
)
from tests.simulation.invariants.lateness import was_too_late
from tests.simulation.invariants.put_offs import made_or_put_off_too_long, put_off_by_another
from tests.simulation.journal import Acked, Wrote
from tests.simulation.world import name_of

__all__ = [
    "acknowledged_hints_are_done",
    "actions_at_least_once_with_a_stable_delivery_id",
]


def actions_at_least_once_with_a_stable_delivery_id(facts: Facts) -> Iterator[str]:
    """Every attempt on record was made, under one id; what was made twice was in flight when something broke."""
    for post in facts.all_posts:
        name = f"{name_of(post.timer_id)}.{post.action_id}"
        if post.request.headers["webhook-id"] != f"{post.timer_id}_{post.action_id}":
            yield f"{name} was sent as {post.request.headers['webhook-id']}"
        if post.request.headers["minoots-attempt"] != str(post.attempt):
            yield f"attempt {post.attempt} of {name} calls itself another"
    made = {call.about for call in facts.calls if call.call == "WebhookSender.send"}
    for timer_id, timer in facts.ends.items():
        for state in timer.actions:
            yield from _made(facts, timer_id, state, made)
        yield from _repeated(facts, timer_id)


def _made(facts: Facts, timer_id: str, state: ActionState, made: set[str]) -> Iterator[str]:
    name = f"{name_of(timer_id)}.{state.id}"
    expired = {attempt.number for attempt in state.attempts if attempt.failure == "expired"}
    for number in range(1, state.tries + 1):
        if number not in expired and not made_or_put_off_too_long(facts, timer_id, state, number, made):
            yield f"attempt {number} of {name} is on record and was never made"
    taken = any(post.action_id == state.id and post.mood in {"takes it", "slow"} for post in facts.posts[timer_id])
    if state.status is ActionStatus.SUCCEEDED and not taken:
        yield f"{name} succeeded, and no receiver took it"


def _repeated(facts: Facts, timer_id: str) -> Iterator[str]:
    times: defaultdict[tuple[str, int], int] = defaultdict(int)
    strands = set()
    for post in facts.posts[timer_id]:
        times[post.action_id, post.attempt] += 1
        if (post.by, post.attempt) in strands:
            yield f"one message made attempt {post.attempt} of {name_of(timer_id)}.{post.action_id} twice"
        strands.add((post.by, post.attempt))
    again = [f"{action_id}#{attempt}" for (action_id, attempt), count in times.items() if count > 1]
    if again and not facts.disturbed(timer_id):
        yield f"{name_of(timer_id)}: {', '.join(again)} made again though nothing went wrong"


def acknowledged_hints_are_done(facts: Facts) -> Iterator[str]:
    """A message or record that was taken for done is done: what it calls for is stored, or on its way in another."""
    for ack in facts.acks:
        if isinstance(ack.hint, TimerChange):
            if ack.by.use_case == "arm_timers":
                yield from _armed(facts, ack, ack.hint)
        elif isinstance(ack.hint, ActionMessage):
            yield from _ran(facts, ack, ack.hint)
        elif isinstance(ack.hint, WakeUp):
            yield from _woke(facts, ack, ack.hint)


def _armed(facts: Facts, ack: Acked, change: TimerChange) -> Iterator[str]:
    timer = change.after
    if timer.status is not Status.SCHEDULED:
        return
    if change.before is not None and change.before.generation == timer.generation:
        return  # a wake-up is under way
    later = [write.after for write in facts.writes[timer.id] if write.number < ack.number][-1]
    parked = facts.world.ports.parked.truth.parked
    kept = any(record.record["dynamodb"]["NewImage"].get("change") is change for record in parked)
    if (
        later.status is Status.SCHEDULED
        and later.generation == timer.generation
        and not kept
        and not any(
            entry.number < ack.number and _wakes(hint_of(entry), timer.generation) for entry in facts.hints[timer.id]
        )
    ):
        yield f"the stream's record of {name_of(timer.id)} was done with, and no wake-up sent"


def _woke(facts: Facts, ack: Acked, hint: WakeUp) -> Iterator[str]:
    name, stood = name_of(hint.timer_id), ack.stood
    if hint.action_id is not None:
        if not ack.by.sent:
            yield f"the wake-up of {name}.{hint.action_id} was done with, and the attempt not sent"
    elif stood is None or stood.tenant_id != hint.tenant_id or hint.generation > stood.generation:
        if not ack.by.sent:  # one that came early goes on as it came
            yield f"a wake-up ahead of what is stored of {name} was dropped"
    elif stood.status in PENDING and stood.generation == hint.generation:
        if not ack.by.sent and not _gone_on(facts, ack, stood, hint):
            yield f"a wake-up of {name} was done with though {name} still waits"
    else:
        yield from _woke_what_fired(facts, ack, stood, hint)


def _wakes(hint: WakeUp | ActionMessage, generation: int) -> bool:
    return isinstance(hint, WakeUp) and hint.action_id is None and hint.generation == generation


def _gone_on(facts: Facts, ack: Acked, stood: Timer, hint: WakeUp) -> bool:
    """Tell whether a wake-up that sent nothing may be done with: a copy of it went on, and counted the lap."""
    if hint.lap >= stood.lap:
        return False
    laps = (write for write in facts.writes[stood.id] if write.after.generation == hint.generation)
    counted = next((write for write in laps if write.after.lap == hint.lap + 1), None)
    if counted is None:
        return ack.forged  # of a lap that there never was
    if counted.by is not ack.by and not (ack.again and stood.lap == hint.lap + 1):
        return True
    return any(
        counted.number < entry.number < ack.number
        and _wakes(sent := hint_of(entry), hint.generation)
        and isinstance(sent, WakeUp)
        and sent.lap == hint.lap + 1
        for entry in facts.hints[stood.id]
    )


def _woke_what_fired(facts: Facts, ack: Acked, stood: Timer, hint: WakeUp) -> Iterator[str]:
    seen = ack.by.seen.get(stood.id)
    if seen is not None and seen.status in PENDING and hint.lap < stood.lap:
        return  # another wake-up had gone on for it, and fired the timer since
    write = next((write for write in ack.by.wrote if wrote_fire(write)), None)
    its_own = any(map(leaves_waiting, ack.by.wrote)) or (ack.again and stood.generation == hint.generation)
    if its_own and was_too_late(stood) and stood.next_check_at_ms is not None:
        yield f"{name_of(stood.id)} was too late, and its dead letters were not stored by who wrote so"
    if write is not None:
        yield from _handed_over(facts, ack, write, name_of(stood.id))
    elif ack.again and stood.generation == hint.generation and not ack.by.sent:  # one that came early goes on
        yield from _handed_over_by_anyone(facts, ack, stood, stood.fired_at_ms or 0)


def _ran(facts: Facts, ack: Acked, hint: ActionMessage) -> Iterator[str]:
    name, stood = name_of(hint.timer_id), ack.stood
    what = f"attempt {hint.attempt} of {name}.{hint.action_id}"
    if stood is None or stood.status in PENDING or stood.tenant_id != hint.tenant_id:
        yield f"{what} was dropped ahead of its firing"
        return
    state = stood.action(hint.action_id)
    if state is None or stood.status is Status.CANCELLED:
        return
    if hint.attempt > state.tries + (state.status is not ActionStatus.WAITING):
        yield f"{what} was dropped ahead of its turn"
    elif hint.attempt == state.next_attempt and not state.status.terminal:
        if not ack.by.sent and not put_off_by_another(facts, ack, state):
            yield f"{what} was done with, and neither recorded nor sent again"
    else:
        write = next((write for write in ack.by.wrote if wrote_attempt(write)), None)
        if write is not None:
            yield from _handed_over(facts, ack, write, name)
        elif ack.again and state.tries == hint.attempt and not _sent_on(ack, hint):
            yield from _handed_over_by_anyone(facts, ack, stood, state.attempts[-1].ended_at_ms, state)


def _sent_on(ack: Acked, hint: ActionMessage) -> bool:
    """Tell whether an attempt was put off by who read it before a twin made it: its message comes again."""
    sent = [hint_of(entry) for entry in ack.by.sent]
    return any(calls_for(one, hint.action_id, hint.attempt) for one in sent)


def _handed_over(facts: Facts, ack: Acked, write: Wrote, name: str) -> Iterator[str]:
    """What a write calls for is sent before the message that made it is done with; others may have been quicker."""
    assert write.before is not None
    due = newly_released(write.before, write.after)
    tried = wrote_attempt(write)
    if tried is not None and tried[1].status is ActionStatus.DISPATCHED:
        due.append(tried[1])
    for state in due:
        now = ack.stood.action(state.id) if ack.stood else None
        made = now is not None and (now.tries > state.tries or now.status.terminal)
        if not made and not facts.sent_between(write, ack, state.id, state.next_attempt):
            yield f"attempt {state.next_attempt} of {name}.{state.id} was due by a write, and not sent by who wrote it"


def _handed_over_by_anyone(
    facts: Facts, ack: Acked, stood: Timer, at_ms: int, tried: ActionState | None = None
) -> Iterator[str]:
    """A message that was delivered before may have failed: what it should have sent must be on its way by now."""
    due = [
        state
        for state in stood.actions
        if state.status is ActionStatus.DISPATCHED
        and not state.tries_this_time
        and not state.redriven.times  # what was redriven since has a message of its own
        and state.dispatched_at_ms == at_ms
    ]
    due += [tried] if tried is not None and tried.status is ActionStatus.DISPATCHED and tried.tries_this_time else []
    for state in due:
        wrote = [write for write in facts.writes[stood.id] if _calls_for_attempt(write, state)]
        if wrote and not facts.sent_between(wrote[0], ack, state.id, state.next_attempt):
            what = f"attempt {state.next_attempt} of {name_of(stood.id)}.{state.id}"
            yield f"{what} was not sent by a message that came back"


def _calls_for_attempt(write: Wrote, state: ActionState) -> bool:
    now = write.after.action(state.id)
    before = write.before.action(state.id) if write.before else None
    if now is None or now.status is not ActionStatus.DISPATCHED or now.tries != state.tries:
        return False
    return before is None or before.status is not ActionStatus.DISPATCHED or before.tries != state.tries
