"""What the actions of a bundle make of each other: order, escalation, callbacks, and the outcome of all.

States only ever move on, and what follows from them is worked out until nothing more does: one write leaves a timer
with everything begun that is to begin, so that no other write is needed to go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from minoots_contract.actions import ActionBundle
from minoots_contract.timers import Outcome
from minoots_kernel.domain.timer import ActionState, ActionStatus

__all__ = ["advanced", "decided", "failure_reason", "outcome_of", "own_states", "stand_bys", "too_late_states"]

Links = Mapping[str, tuple[str, int]]
"""Of each action that escalates: to which one, and after how many failed attempts."""

_NEEDS_NOBODY: Final = frozenset({ActionStatus.SUCCEEDED, ActionStatus.SKIPPED, ActionStatus.ESCALATED})


def advanced(bundle: ActionBundle | None, states: Sequence[ActionState], now_ms: int) -> tuple[ActionState, ...]:
    """Return the states of a fired timer's actions once everything that follows from them has begun or ended.

    Args:
        bundle: The timer's bundle; without it, as its payload is gone, the actions run one after another.
        states: The states, in the bundle's order, callbacks last.
        now_ms: The service's clock, epoch milliseconds: what begins is dispatched then.
    """
    links = _links(bundle)
    states = _escalated(links, states, now_ms) if links else tuple(states)
    later = bundle.started_by_others if bundle else frozenset()
    states = _released(states, bundle.concurrency if bundle else 1, now_ms, later)
    return _called_back(bundle, states, now_ms) if bundle and bundle.callbacks else states


def outcome_of(bundle: ActionBundle | None, states: Sequence[ActionState]) -> Outcome | None:
    """Return what came of a bundle's actions, its callbacks left aside; none while one of them has not ended."""
    own = own_states(bundle, states)
    if not all(state.status.terminal for state in own):
        return None
    links, by_id = _links(bundle), {state.id: state for state in own}
    targets = {target for target, _ in links.values()}
    roots = [state for state in own if state.id not in targets]
    if all(state.status is ActionStatus.SUCCEEDED for state in roots):
        return "succeeded"
    return "escalated" if all(_got_through(state.id, links, by_id) for state in roots) else "failed"


def decided(bundle: ActionBundle | None, states: Sequence[ActionState]) -> Outcome | None:
    """Return what a timer keeps of the outcome: only what its status does not say, or not yet."""
    outcome = outcome_of(bundle, states)
    return outcome if outcome == "escalated" or (bundle is not None and bundle.callbacks) else None


def own_states(bundle: ActionBundle | None, states: Sequence[ActionState]) -> list[ActionState]:
    """Return the states of a bundle's actions without those of its callbacks."""
    callbacks = {action.id for action in bundle.callbacks} if bundle else set()
    return [state for state in states if state.id not in callbacks]


def failure_reason(own: Sequence[ActionState]) -> str:
    """Return in one line what failed of a bundle's actions."""
    failed = [state for state in own if state.status is ActionStatus.FAILED]
    first = f"; {failed[0].id}: {failed[0].error or 'unknown'}" if failed else ""
    return f"{len(failed)} of {len(own)} actions failed{first}"


def stand_bys(before: Sequence[ActionState], after: Sequence[ActionState], bundle: ActionBundle | None) -> list[str]:
    """Return which stand-bys were started between two states of a timer, each as `first → second`."""
    dispatched = [
        new.id
        for old, new in zip(before, after, strict=True)
        if old.status is ActionStatus.WAITING and new.status is ActionStatus.DISPATCHED
    ]
    now = {state.id: state for state in after}
    return [
        f"{origin} → {target}"
        for target in dispatched
        for origin, (called, limit) in _links(bundle).items()
        if called == target and _calls(now[origin], limit)
    ]


def too_late_states(bundle: ActionBundle | None, states: Sequence[ActionState]) -> tuple[ActionState, ...]:
    """Return the states of a timer that is too late to run any: failed, but for those that wait for others' fate."""
    later = bundle.started_by_others if bundle else frozenset()
    return tuple(
        replace(state, status=ActionStatus.SKIPPED if state.id in later else ActionStatus.FAILED) for state in states
    )


def _links(bundle: ActionBundle | None) -> Links:
    links: dict[str, tuple[str, int]] = {}
    for action in bundle.actions if bundle else ():
        if action.escalation is not None and action.escalation.escalates_to is not None:
            links[action.id] = (action.escalation.escalates_to, action.escalation.after_attempts)
    return links


def _released(
    states: tuple[ActionState, ...], concurrency: int, now_ms: int, later: frozenset[str]
) -> tuple[ActionState, ...]:
    """Dispatch waiting actions, in order, until as many are under way as the bundle allows.

    Those that others start take no part: a stand-by must not wait for the very action that called it.
    """
    free = concurrency - sum(state.status is ActionStatus.DISPATCHED and state.id not in later for state in states)
    released: list[ActionState] = []
    for state in states:
        if state.status is ActionStatus.WAITING and free > 0 and state.id not in later:
            free -= 1
            released.append(_begun(state, now_ms))
        else:
            released.append(state)
    return tuple(released)


def _begun(state: ActionState, now_ms: int) -> ActionState:
    return replace(state, status=ActionStatus.DISPATCHED, dispatched_at_ms=now_ms)


def _calls(state: ActionState, after_attempts: int) -> bool:
    """Tell whether an action has failed often enough, or for good, to need the one that it escalates to."""
    failing = state.status is ActionStatus.DISPATCHED and state.tries_this_time >= after_attempts
    return failing or state.status in {ActionStatus.FAILED, ActionStatus.ESCALATED}


def _got_through(action_id: str, links: Links, by_id: Mapping[str, ActionState]) -> bool:
    """Tell whether an action succeeded, or one that it escalated to."""
    while by_id[action_id].status not in {ActionStatus.SUCCEEDED, ActionStatus.ESCALATED}:
        link = links.get(action_id)
        if link is None or not _calls(by_id[action_id], link[1]):
            return False
        action_id = link[0]
    return True


def _escalated(links: Links, states: Sequence[ActionState], now_ms: int) -> tuple[ActionState, ...]:
    """Start the stand-bys that are called, and end what others' success makes needless; until nothing changes."""
    by_id = {state.id: state for state in states}
    origins: defaultdict[str, list[str]] = defaultdict(list)
    for origin, (target, _) in links.items():
        origins[target].append(origin)
    settled = False
    while not settled:
        settled = True
        for action_id, state in by_id.items():
            callers = [(by_id[origin], links[origin][1]) for origin in origins[action_id]]
            after = _if_got_through(state, links, by_id)
            after = _as_called(after, callers, now_ms) if callers else after
            if after is not state:
                by_id[action_id], settled = after, False
    return tuple(by_id.values())


def _if_got_through(state: ActionState, links: Links, by_id: Mapping[str, ActionState]) -> ActionState:
    """Return an action as the success of the one that it escalated to leaves it.

    One that was redriven goes on: somebody wants it done though another got through.
    """
    if state.id not in links or state.status is not ActionStatus.DISPATCHED or state.redriven.times:
        return state
    target, after_attempts = links[state.id]
    if not _calls(state, after_attempts) or not _got_through(target, links, by_id):
        return state
    return replace(state, status=ActionStatus.ESCALATED, next_attempt_at_ms=None)


def _as_called(state: ActionState, callers: Sequence[tuple[ActionState, int]], now_ms: int) -> ActionState:
    """Return a stand-by as those that escalate to it leave it."""
    if state.status.terminal or state.redriven.times:
        return state
    if all(caller.status in _NEEDS_NOBODY for caller, _ in callers):
        return replace(state, status=ActionStatus.SKIPPED, next_attempt_at_ms=None)
    called = state.status is ActionStatus.WAITING and any(_calls(caller, limit) for caller, limit in callers)
    return _begun(state, now_ms) if called else state


def _called_back(bundle: ActionBundle, states: tuple[ActionState, ...], now_ms: int) -> tuple[ActionState, ...]:
    """Once every other action has ended, dispatch the callback that fits and skip the one that does not."""
    outcome = outcome_of(bundle, states)
    if outcome is None:
        return states
    chosen = bundle.on_failure if outcome == "failed" else bundle.on_success
    callbacks = {action.id for action in bundle.callbacks}

    def ended(state: ActionState) -> ActionState:
        if state.id not in callbacks or state.status is not ActionStatus.WAITING:
            return state
        wanted = chosen is not None and state.id == chosen.id
        return _begun(state, now_ms) if wanted else replace(state, status=ActionStatus.SKIPPED)

    return tuple(map(ended, states))
