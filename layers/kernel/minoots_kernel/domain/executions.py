"""The execution that waits beside an action, and what it is told to do next."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from minoots_kernel.domain.acknowledgements import DUE_WITHIN_MS, is_due, under_way
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.chains import Chain
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS

__all__ = ["Execution", "NextMove", "execution_for", "move_after", "settled"]

SPARE_MS: Final = 200
"""A wait of an execution is this much longer than the item's: it then finds the deadline passed."""

LOOK_AGAIN_MS: Final = 5_000
"""How often an execution looks at an attempt that is under way."""


@dataclass(frozen=True, slots=True)
class NextMove:
    """What an execution does next.

    Attributes:
        do: `ask` has the orchestrator make attempt `attempt`, or wait after it if it was made, for `seconds` without a
            word; `pause` looks again after `seconds`; the others end it.
    """

    do: Literal["ask", "pause", "settled", "failed", "superseded"]
    attempt: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution to start.

    Attributes:
        name: The same for the same attempt of the same action, so that starting twice is harmless.
        first: What it does first.
    """

    name: str
    tenant_id: str
    timer_id: str
    action_id: str
    first: NextMove


def execution_for(timer: Timer, state: ActionState, known: Acknowledgement, chain: Chain, now_ms: int) -> Execution:
    """Return the execution that goes on with an action from where it is.

    One that was started and died keeps its name for 90 days. So an attempt that is overdue gets another one each time
    that the sweep finds it so, and so has one that has yet to be made: its execution pauses, and nobody can wake it.
    And each life of the action has its own: its first attempt may have the number of one that was called for before.
    """
    attempt = state.tries if known.waits else state.next_attempt
    digest = blake2b(state.id.encode(), digest_size=6).hexdigest()
    expected_ms = max(state.next_attempt_at_ms or 0, state.dispatched_at_ms or 0)
    overdue = 0 if known.waits else max(0, now_ms - expected_ms) // REDISPATCH_AFTER_MS
    name = f"{timer.id}-{digest}-a{attempt}" + (f"-r{overdue}" if overdue else "" if known.waits else "-n")
    name += f"-l{state.redriven.times}" if state.redriven.times else ""
    # Nothing of the present moment: the same start twice is the same.
    wait_ms = chain.steps[min(known.step, len(chain.steps) - 1)].timeout_ms
    return Execution(name, timer.tenant_id, timer.id, state.id, NextMove("ask", attempt, _seconds(wait_ms)))


def move_after(state: ActionState, known: Acknowledgement, chain: Chain, now_ms: int) -> NextMove:
    """Return what the execution of an action that is under way does next."""
    due_ms = state.next_attempt_at_ms or now_ms
    if known.waits:
        return NextMove("ask", state.tries, _seconds(due_ms - now_ms))
    if under_way(state, known) and now_ms < due_ms + REDISPATCH_AFTER_MS:
        return NextMove("pause", seconds=LOOK_AGAIN_MS // 1000)
    if not is_due(state, now_ms):
        return NextMove("pause", seconds=-((now_ms + DUE_WITHIN_MS - due_ms) // 1000))
    return NextMove("ask", state.next_attempt, _seconds(chain.steps[known.step].timeout_ms))


def settled(state: ActionState) -> NextMove:
    """Return how the execution of an action ends that has ended."""
    return NextMove("settled" if state.status is ActionStatus.SUCCEEDED else "failed")


def _seconds(wait_ms: int) -> int:
    return max(1, -(-(wait_ms + SPARE_MS) // 1000))
