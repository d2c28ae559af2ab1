"""The invariant about retries: how many, after what, how far apart, and until when."""

from __future__ import annotations

from collections.abc import Iterator

from minoots_contract.retry import RetryPolicy
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer
from tests.simulation.invariants.bundles import Roles
from tests.simulation.invariants.facts import Facts, wrote_attempt
from tests.simulation.journal import Posted
from tests.simulation.world import name_of

__all__ = ["retries_keep_to_their_policy"]

CLASSES = {"hangs": "timeout", "forgets": "connection", "busy": "serverError", "later": "throttled"}
CLASSES |= {"gone": "clientError", "breaks": "internal"}
"""Of what class the failure is that a receiver's mood brings about."""


def retries_keep_to_their_policy(facts: Facts) -> Iterator[str]:
    """Attempts are as many as asked for, after failures that were named, each when it has to be, none too late."""
    by_strand = {id(post.by): post for post in facts.all_posts}
    for write in facts.all_writes:
        tried = wrote_attempt(write)
        if tried is None or write.after.spec.bundle is None or tried[1].attempts[-1].outcome == "succeeded":
            continue
        yield from _followed(write.after, tried[1], by_strand.get(id(write.by)))
    for post in facts.all_posts:
        yield from _in_time(post, 2 * facts.skew_ms + (CALM_SLACK_MS if facts.calm else SLACK_MS))


def _followed(timer: Timer, state: ActionState, post: Posted | None) -> Iterator[str]:
    policy, name, last = asked_for(timer, state.id), f"{name_of(timer.id)}.{state.id}", state.attempts[-1]
    if post is not None and post.mood in CLASSES and last.failure not in {CLASSES[post.mood], "connection"}:
        yield f"{name} failed as the receiver {post.mood}, and that is called {last.failure}"
    final = last.failure not in policy.retry_on or state.tries_this_time >= policy.max_attempts
    over = state.status in {ActionStatus.ESCALATED, ActionStatus.SKIPPED}  # others' success came with it
    if not over and (final or state.given_up is not None) is (state.status is ActionStatus.DISPATCHED):
        tries = f"{state.tries_this_time} of {policy.max_attempts} times ({last.failure})"
        yield f"{name} failed {tries}, and is {state.status}"
    wish_ms = post.retry_after_ms if post is not None and last.failure == "throttled" else None
    if state.status is ActionStatus.DISPATCHED:
        waits_ms = (state.next_attempt_at_ms or 0) - last.ended_at_ms
        if wish_ms is not None and waits_ms != wish_ms:
            yield f"{name} waits {waits_ms} ms though its receiver asked for {wish_ms}"
        least_ms, most_ms = _delays(policy, state.tries_this_time)
        if wish_ms is None and not least_ms - 1 <= waits_ms <= most_ms + 1:
            yield f"{name} waits {waits_ms} ms after attempt {state.tries}, and not {least_ms} to {most_ms}"
    yield from _within_limit(timer, state, policy, wish_ms, name)


def _delays(policy: RetryPolicy, tries: int) -> tuple[float, float]:
    most_ms = min(policy.backoff_initial_ms * policy.backoff_multiplier ** (tries - 1), policy.backoff_max_ms)
    return most_ms * {"none": 1, "equal": 0.5, "full": 0}[policy.jitter], most_ms


def _within_limit(
    timer: Timer, state: ActionState, policy: RetryPolicy, wish_ms: int | None, name: str
) -> Iterator[str]:
    latest_ms = _latest(timer, state)
    if latest_ms is None:
        if state.given_up is not None:
            yield f"{name} was given up for a time limit that it does not have"
        return
    if (state.next_attempt_at_ms or 0) > latest_ms:
        yield f"{name} is to be tried again {(state.next_attempt_at_ms or 0) - latest_ms} ms past its time limit"
    if state.attempts[-1].failure == "expired" and state.attempts[-1].started_at_ms <= latest_ms:
        yield f"{name} was not tried, {latest_ms - state.attempts[-1].started_at_ms} ms before its time limit"
    soonest_ms = state.attempts[-1].ended_at_ms + (
        _delays(policy, state.tries_this_time)[1] if wish_ms is None else wish_ms
    )
    if state.given_up is not None and soonest_ms + 1 < latest_ms:
        yield f"{name} was given up {latest_ms - soonest_ms} ms before its time limit"


def _in_time(post: Posted, slack_ms: int) -> Iterator[str]:
    state = post.seen.action(post.action_id) if post.seen else None
    latest_ms = _latest(post.seen, state) if post.seen and state else None
    if latest_ms is not None and post.at_ms > latest_ms + slack_ms:
        yield f"{name_of(post.timer_id)}.{post.action_id} was sent {post.at_ms - latest_ms} ms past its time limit"


CALM_SLACK_MS, SLACK_MS = 1_000, 60_000
"""What may pass between an attempt's beginning and its request: a call of a port, which may take all of an invocation's
time when things go wrong."""


def _latest(timer: Timer, state: ActionState) -> int | None:
    bundle, limit_ms = timer.spec.bundle, asked_for(timer, state.id).total_time_limit_ms
    if bundle is None or limit_ms is None:
        return None
    own = state.id not in Roles(bundle).mains or state.redriven.times
    begun_ms = state.dispatched_at_ms if own else timer.fired_at_ms
    return (begun_ms or 0) + limit_ms


def asked_for(timer: Timer, action_id: str) -> RetryPolicy:
    """Return the retry policy that an action was stored with."""
    bundle, action = timer.spec.bundle, timer.spec.action(action_id)
    assert bundle is not None
    return (action.retry_policy if action else None) or bundle.retry_policy
