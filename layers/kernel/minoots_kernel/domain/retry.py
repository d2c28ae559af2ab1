"""When a failed attempt is made again, and until when.

Pure: the jitter comes from the attempt's identity, so a repeat computes the same.
"""

from __future__ import annotations

import hashlib

from minoots_contract.actions import ActionBundle
from minoots_contract.retry import RetryPolicy
from minoots_kernel.domain.timer import ActionState, Timer

__all__ = ["begins_by_ms", "policy_of", "resolved", "retry_delay_ms", "too_late"]


def retry_delay_ms(policy: RetryPolicy, delivery_id: str, attempt: int, retry_after_ms: int | None = None) -> int:
    """Return how long to wait after a failed attempt.

    Exponential, ``initial · multiplier^(attempt-1)`` up to the policy's cap, spread by its jitter: `equal` is uniform
    over the upper half, so that with a multiplier of two or more every delay is at least as long as the one before
    it; `full` over all of it, which spreads a herd best. What the receiver asked for takes the place of all that.

    Args:
        policy: The action's retry policy.
        delivery_id: Identity of the delivery; with ``attempt`` it seeds the jitter.
        attempt: The attempt that failed, from 1.
        retry_after_ms: What the receiver asked for, milliseconds.

    Returns:
        Milliseconds.
    """
    if retry_after_ms is not None:
        return retry_after_ms
    ceiling = min(policy.backoff_initial_ms * policy.backoff_multiplier ** (attempt - 1), policy.backoff_max_ms)
    if policy.jitter == "none":
        return round(ceiling)
    digest = hashlib.blake2b(f"{delivery_id}:{attempt}".encode(), digest_size=8).digest()
    fraction = int.from_bytes(digest) / 2**64
    return round(ceiling * (fraction if policy.jitter == "full" else 0.5 + fraction / 2))


def resolved(bundle: ActionBundle, default: RetryPolicy) -> ActionBundle:
    """Return a bundle whose retry policies are whole, so that no default that changes later changes them.

    The narrower level wins field by field: the action's over the bundle's over the default. An action whose policy
    comes out as the bundle's has none of its own.
    """
    policy = bundle.retry_policy.over(default)
    update = {
        "retry_policy": policy,
        "actions": [
            action.model_copy(update={"retry_policy": _own(action.retry_policy, policy)}) for action in bundle.actions
        ],
    }
    for name in ("on_success", "on_failure"):
        callback = getattr(bundle, name)
        if callback is not None:
            update[name] = callback.model_copy(update={"retry_policy": _own(callback.retry_policy, policy)})
    return bundle.model_copy(update=update)


def _own(said: RetryPolicy | None, policy: RetryPolicy) -> RetryPolicy | None:
    own = policy if said is None else said.over(policy)
    return None if own == policy else own


def policy_of(timer: Timer, action_id: str) -> RetryPolicy:
    """Return the retry policy of one of a timer's actions."""
    bundle, action = timer.spec.bundle, timer.spec.action(action_id)
    if bundle is None:
        return RetryPolicy()
    return (action.retry_policy if action else None) or bundle.retry_policy


def begins_by_ms(timer: Timer, state: ActionState) -> int | None:
    """Return when an attempt of an action may begin at the latest, epoch milliseconds; none if at any time.

    The policy's time counts from the firing; of actions that others start, or somebody redrives, from then: a stand-by
    that is called because the time of another is over still has its own.
    """
    limit_ms = policy_of(timer, state.id).total_time_limit_ms
    if limit_ms is None:
        return None
    by_others = timer.spec.bundle is not None and state.id in timer.spec.bundle.started_by_others
    begun_ms = state.dispatched_at_ms if by_others or state.redriven.times else timer.fired_at_ms
    return (begun_ms or 0) + limit_ms


def too_late(timer: Timer, state: ActionState, at_ms: int) -> str | None:
    """Return why an action's next attempt must not begin at a time; nothing if it may."""
    latest_ms = begins_by_ms(timer, state)
    if latest_ms is None or at_ms <= latest_ms:
        return None
    limit_ms = policy_of(timer, state.id).total_time_limit_ms or 0
    after_ms = at_ms - latest_ms + limit_ms
    return f"attempt {state.next_attempt} would begin after {after_ms} ms, and totalTimeLimitMs is {limit_ms}"
