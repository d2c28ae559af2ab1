"""What the writes of a history say: which asking began when, and how each life of an action went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minoots_kernel.domain.acknowledgements import open_acknowledgement
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.chains import chain_of, requires_acknowledgement
from minoots_kernel.domain.timer import ActionState, Timer
from tests.simulation.asking.history import History

__all__ = ["Begun", "acknowledgement", "askers", "begun", "lives", "reached_by", "receiver_of", "state"]


@dataclass(frozen=True)
class Begun:
    """An asking that the item took down: when, on top of what, and for whom."""

    at_ms: int
    before: Timer
    action_id: str
    life: int
    step: int
    attempt: int


def askers(timer: Timer) -> list[str]:
    """Return the actions that have to be acknowledged."""
    actions = [timer.spec.action(one.id) for one in timer.actions]
    return [action.id for action in actions if action and requires_acknowledgement(action)]


def state(timer: Timer, action_id: str) -> ActionState:
    """Return the state of an action."""
    found = timer.action(action_id)
    assert found is not None
    return found


def acknowledgement(timer: Timer, action_id: str) -> Acknowledgement:
    """Return how far an action's acknowledgement has come in its present life."""
    now, known = state(timer, action_id), timer.acknowledgement(action_id)
    if now.status.terminal and known is not None:
        return known
    return open_acknowledgement(timer, now)


def receiver_of(timer: Timer, action_id: str, step: int) -> str:
    """Return where a step of an action's chain is asked: a URL, or an inbox."""
    chain = chain_of(timer, action_id)
    assert chain is not None
    one = chain.steps[step]
    if one.binding is None:
        return str(one.action.parameters["url"])
    return f"inbox {one.binding.target}" if one.binding.adapter == "inbox" else str(one.binding.target)


def begun(history: History) -> dict[str, Begun]:
    """Return the askings that the item took down, by the digests of their tokens."""
    found: dict[str, Begun] = {}
    for write in history.writes:
        for known in write.after.acknowledgements:
            now = state(write.before, known.action_id)
            for ask in known.asks:
                for digest in ask.tokens:
                    if digest not in found:
                        found[digest] = Begun(
                            write.at_ms, write.before, known.action_id, now.redriven.times, ask.step, now.next_attempt
                        )
    return found


def lives(history: History) -> Iterator[tuple[str, int, Timer]]:
    """Yield each life of each asking action, with the timer at the end of that life."""
    timers = [write.after for write in history.writes]
    for action_id in askers(history.timer):
        last: dict[int, Timer] = {}
        for timer in timers:
            last[state(timer, action_id).redriven.times] = timer
        yield from ((action_id, life, timer) for life, timer in last.items())


def reached_by(history: History) -> set[str]:
    """Return what a history came to, in words."""
    reached = {str(history.timer.status), history.kind.name}
    reached |= {f"redriven and {one.status}" for one in history.timer.actions if one.redriven.times}
    if any(one.of_another_life for one in history.delivered):
        reached.add("a message of another life")
    return reached
