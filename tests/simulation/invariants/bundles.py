"""The invariant about bundles: who begins when, who is not needed any more, and what came of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from minoots_contract.actions import ActionBundle
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from tests.simulation.invariants.facts import Facts
from tests.simulation.invariants.lateness import was_too_late
from tests.simulation.world import name_of

__all__ = ["Roles", "bundles_run_as_asked", "expected_outcome"]

A = ActionStatus
FINE = frozenset({A.SUCCEEDED, A.SKIPPED, A.ESCALATED})
States = Mapping[str, ActionState]


class Roles:
    """Who does what in a bundle, read from what the caller asked for.

    Attributes:
        links: Of each action that escalates to which one, and after how many failures.
        stand_bys: Those that are escalated to.
        callbacks: The callbacks, by whether they are for a failure.
    """

    def __init__(self, bundle: ActionBundle) -> None:
        self.links = {
            action.id: (action.escalation.escalates_to, action.escalation.after_attempts)
            for action in bundle.actions
            if action.escalation is not None and action.escalation.escalates_to is not None
        }
        self.stand_bys = {target for target, _ in self.links.values()}
        given = {False: bundle.on_success, True: bundle.on_failure}
        self.callbacks = {failing: action.id for failing, action in given.items() if action is not None}
        self.own = [action.id for action in bundle.actions]
        self.mains = [one for one in self.own if one not in self.stand_bys]

    def calls(self, origin: str, states: States) -> bool:
        """Tell whether an action has failed often enough, or for good."""
        state = states[origin]
        failing = state.status is A.DISPATCHED and state.tries_this_time >= self.links[origin][1]
        return failing or state.status in {A.FAILED, A.ESCALATED}

    def callers(self, target: str) -> list[str]:
        """Return who escalates to an action."""
        return [origin for origin, (called, _) in self.links.items() if called == target]

    def got_through(self, action_id: str, states: States) -> bool:
        """Tell whether an action succeeded, or somebody in its place."""
        if states[action_id].status in {A.SUCCEEDED, A.ESCALATED}:
            return True
        return (
            action_id in self.links
            and self.calls(action_id, states)
            and self.got_through(self.links[action_id][0], states)
        )


def expected_outcome(timer: Timer) -> str | None:
    """Return what has come of a fired timer's actions, if they all have ended."""
    bundle = timer.spec.bundle
    if bundle is None:
        return "succeeded"
    roles, states = Roles(bundle), {state.id: state for state in timer.actions}
    if not all(states[one].status.terminal for one in roles.own):
        return None
    if all(states[one].status is A.SUCCEEDED for one in roles.mains):
        return "succeeded"
    return "escalated" if all(roles.got_through(one, states) for one in roles.mains) else "failed"


def bundles_run_as_asked(facts: Facts) -> Iterator[str]:
    """Stand-bys begin when they are called and end when they are not needed; one callback runs, last; one outcome."""
    for write in facts.all_writes:
        timer = write.after
        if write.before is None or timer.spec.bundle is None or timer.status is Status.CANCELLED or was_too_late(timer):
            continue
        if any(state.redriven.times for state in timer.actions):
            continue  # what is redriven runs beside what the others have made of its failing
        roles, states = Roles(timer.spec.bundle), {state.id: state for state in timer.actions}
        what = f"{name_of(timer.id)} v{timer.version}"
        if timer.fired_at_ms is not None:
            yield from _all_begun(timer, roles, states, what)
        for old in write.before.actions:
            if states[old.id].status is not old.status:
                yield from _moved(old, roles, states, what)
        if timer.status in {Status.SETTLED, Status.FAILED}:
            yield from _ended(timer, roles, states, what)


def _all_begun(timer: Timer, roles: Roles, states: States, what: str) -> Iterator[str]:
    """Nothing waits for a write to come: what is called or free to begin has begun."""
    for one in roles.stand_bys:
        if states[one].status is A.WAITING and any(roles.calls(origin, states) for origin in roles.callers(one)):
            yield f"{what}: {one} was called and stands by still"
    bundle = timer.spec.bundle
    busy = sum(states[one].status is A.DISPATCHED for one in roles.mains)
    waiting = [one for one in roles.mains if states[one].status is A.WAITING]
    if bundle is not None and waiting and busy < bundle.concurrency:
        yield f"{what}: {waiting[0]} waits though it could run"


def _moved(old: ActionState, roles: Roles, states: States, what: str) -> Iterator[str]:
    new, one = states[old.id], old.id
    others_ended = all(states[other].status.terminal for other in roles.own)
    if new.status is A.SKIPPED:
        unneeded = one in roles.stand_bys and all(states[caller].status in FINE for caller in roles.callers(one))
        if not unneeded and not (one in roles.callbacks.values() and others_ended):
            yield f"{what}: {one} was skipped, and was needed"
    elif new.status is A.ESCALATED:
        if one not in roles.links or not roles.got_through(roles.links[one][0], states):
            yield f"{what}: {one} was given up, and nobody got through in its place"
    elif old.status is A.WAITING and new.status is A.DISPATCHED:
        if one in roles.stand_bys and not any(roles.calls(caller, states) for caller in roles.callers(one)):
            yield f"{what}: {one} was to stand by, and runs"
        if one in roles.callbacks.values() and not others_ended:
            yield f"{what}: the callback {one} runs before all others have ended"


def _ended(timer: Timer, roles: Roles, states: States, what: str) -> Iterator[str]:
    outcome = expected_outcome(timer)
    if timer.outcome != outcome or (timer.status is Status.FAILED) != (outcome == "failed"):
        yield f"{what} is {timer.status}, {timer.outcome}, and should be {outcome}"
    for failing, one in roles.callbacks.items():
        fits = failing == (outcome == "failed")
        if fits is (states[one].status is A.SKIPPED) or fits is (states[one].tries == 0):
            yield f"{what} is {outcome}, and its callback {one} is {states[one].status}"
    for origin, (target, _) in roles.links.items():
        if states[origin].status is A.ESCALATED and not roles.got_through(target, states):
            yield f"{what}: {origin} is escalated, and {target} is {states[target].status}"
