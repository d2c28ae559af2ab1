"""The invariants about when a timer fires: never later than its bounds, and what becomes of it when it is late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from minoots_contract.late_policy import LatePolicy
from minoots_kernel.domain.timer import Status, Timer
from tests.simulation.faults import ELSEWHERE, Fault
from tests.simulation.invariants.facts import Facts
from tests.simulation.journal import Wrote
from tests.simulation.world import name_of

__all__ = ["late_timers_keep_to_their_policy", "lateness_is_bounded", "was_too_late"]

CHECK_MS, SWEEP_MS = 30_000, 60_000
HARMLESS_TO_THE_SWEEP: Final = frozenset(ELSEWHERE) - {Fault.SWEEP_MISSED, Fault.INDEX_STALE}
RECOVERY_MS = CHECK_MS + SWEEP_MS + 45_000
CALM_MS, HAND_OVER_MS, CALLS = 250, 1_300, 8


def was_too_late(timer: Timer) -> bool:
    """Tell whether a timer failed before it fired: too late for its policy, its actions are dead letters."""
    return timer.status is Status.FAILED and timer.fired_at_ms is None


def late_timers_keep_to_their_policy(facts: Facts) -> Iterator[str]:
    """A timer fires unless it is later than its policy allows; then it is skipped or buried, and none of it runs."""
    for timer_id, writes in facts.writes.items():
        for write in writes:
            yield from _policy_changed(write)
        for write in facts.woken(timer_id):
            yield from _kept(write)
        end = writes[-1].after
        if end.fired_at_ms is None and facts.posts[timer_id]:
            yield f"{name_of(timer_id)} acted, and never fired"
        if was_too_late(end) and any(state.tries or state.attempts for state in end.actions):
            yield f"{name_of(timer_id)} was too late, and has attempts on record"


def _policy_changed(write: Wrote) -> Iterator[str]:
    if write.before is not None and write.after.late_policy == write.before.late_policy:
        return
    order, _ = write.by.hint
    asked = order.details.get("latePolicy")
    wanted = None if asked is None or asked["mode"] == "fire" else LatePolicy.model_validate(asked)
    if write.after.late_policy != wanted or order.verb not in {"create", "reschedule"}:
        yield f"{name_of(write.after.id)} has the late policy {write.after.late_policy}, and {order.verb} said {wanted}"


def _kept(write: Wrote) -> Iterator[str]:
    before, after = write.before, write.after
    assert before is not None
    name, policy, ended_ms = name_of(after.id), before.late_policy, after.timeline[-1].at_ms
    late_ms = ended_ms - before.fire_at_ms
    too_late = policy is not None and policy.after_ms is not None and late_ms > policy.after_ms
    ends = {"skip": Status.CANCELLED, "deadLetter": Status.FAILED}
    if not too_late and after.fired_at_ms is None:
        yield f"{name} was {late_ms} ms late, which {policy} allows, and did not fire"
    elif too_late and (after.fired_at_ms is not None or after.status is not ends.get(policy.mode if policy else "")):
        yield f"{name} was {late_ms} ms late, its policy is {policy}, and it is {after.status}"


def lateness_is_bounded(facts: Facts) -> Iterator[str]:
    """In calm a timer fires within milliseconds; once faults are over, within the sweep's delay and its period.

    And each wake-up that is lost costs no more than those two, as long as the sweep itself is well.
    """
    slack_ms = CALLS * facts.plan.latency_ms + 2 * facts.skew_ms
    for timer_id in list(facts.writes):
        for write in facts.woken(timer_id):
            assert write.before is not None
            due_ms = max(write.before.fire_at_ms, facts.due_set_at(write))
            for since_ms, bound_ms, why in _bounds(facts, timer_id, due_ms):
                if write.at_ms > since_ms + bound_ms + slack_ms:
                    yield f"{name_of(timer_id)} fired {write.at_ms - since_ms} ms late {why}: {bound_ms} ms at most"
    for post in facts.all_posts if facts.calm else ():
        state = post.seen.action(post.action_id) if post.seen else None
        began_ms = max(state.dispatched_at_ms or 0, state.next_attempt_at_ms or 0) if state else post.at_ms
        if post.at_ms > began_ms + HAND_OVER_MS + slack_ms:
            what = f"attempt {post.attempt} of {name_of(post.timer_id)}.{post.action_id}"
            yield f"{what} was made {post.at_ms - began_ms} ms late though nothing went wrong"


def _bounds(facts: Facts, timer_id: str, due_ms: int) -> Iterator[tuple[int, int, str]]:
    """Return what bounds a timer's lateness: since when, by how much, and why."""
    yield max(due_ms, facts.heal_ms), RECOVERY_MS, "after all was well"
    if facts.calm:
        yield due_ms, CALM_MS, "though nothing went wrong"
    elif not facts.rebuilt and {strike.fault for strike in facts.strikes} <= HARMLESS_TO_THE_SWEEP:
        yield (
            due_ms,
            (1 + _wake_ups_lost(facts, timer_id)) * (CHECK_MS + SWEEP_MS) + CALM_MS,
            "with a sweep that is well",
        )


def _wake_ups_lost(facts: Facts, timer_id: str) -> int:
    lost = {Fault.MESSAGE_LOST, Fault.MESSAGE_LATE}
    name = name_of(timer_id)
    return sum(strike.fault in lost and strike.subject == name for strike in facts.strikes)
