"""Tell an execution of the state machine what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.finish_asking import FinishAsking
from minoots_kernel.application.ports import Clock, TimerKey, TimerStore
from minoots_kernel.domain.acknowledgements import may_begin, open_acknowledgement
from minoots_kernel.domain.chains import chain_of
from minoots_kernel.domain.executions import NextMove, move_after, settled
from minoots_kernel.domain.timer import ActionStatus, Status

__all__ = ["LookAfterAsk"]


@dataclass(frozen=True, slots=True)
class LookAfterAsk:
    """Read how an action stands, give up its wait if that is overdue, and say what its execution does next.

    Why the execution asks (a deadline, an answer, a refusal) does not matter: the timer says what is to be done.
    """

    store: TimerStore
    finish: FinishAsking
    clock: Clock

    def __call__(self, key: TimerKey, action_id: str, driver: str) -> NextMove:
        """Say what comes next; called again, it says the same or what has come since.

        Args:
            key: Whose action.
            action_id: Which one.
            driver: The execution's name.

        Raises:
            DependencyUnavailableError: If a store or queue does not answer.
        """
        timer = self.store.get(key)
        if timer is None:
            return NextMove("superseded")  # forgotten, long after its end
        timer = self.finish.expire(timer, action_id)
        state, chain = timer.action(action_id), chain_of(timer, action_id)
        if state is None or chain is None:
            return NextMove("superseded")
        if state.status.terminal:
            self.finish(timer, state)
            return settled(state)
        known = open_acknowledgement(timer, state)
        now_ms = self.clock.now_ms()
        # What is due is not left to another one that waits still: this look may be what gave up the wait that it is in.
        ours = known.driver in {None, driver} or may_begin(state, known, now_ms)
        if not ours or timer.status is not Status.FIRED or state.status is not ActionStatus.DISPATCHED:
            return NextMove("superseded")
        return move_after(state, known, chain, now_ms)
