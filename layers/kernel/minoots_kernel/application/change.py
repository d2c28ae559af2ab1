"""One transition, stored: read, apply, write if nobody else wrote, and again if somebody did."""

from __future__ import annotations

from dataclasses import replace

from minoots_kernel.application.ports import TimerKey, TimerStore
from minoots_kernel.domain.commands import Change, Command
from minoots_kernel.domain.errors import DependencyUnavailableError, StaleHintError, VersionMismatchError
from minoots_kernel.domain.guards import UNGUARDED, Guard
from minoots_kernel.domain.moves import Transition
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import apply

__all__ = ["change_timer"]

MAX_TRIES = 40
"""More writers than actions may run at once in a bundle (20): each round at least one of them gets through."""


def change_timer(
    store: TimerStore, timer: Timer, command: Command, now_ms: int, guard: Guard = UNGUARDED
) -> Transition:
    """Apply a command to a timer and store the result.

    Args:
        store: Where timers are.
        timer: The timer as it was read; read again when another write came first.
        command: What is to happen.
        now_ms: The service's clock, epoch milliseconds.
        guard: What must hold of the timer each time before the command is applied to it.

    Returns:
        What was stored; without events when the command had been done already.

    Raises:
        VersionMismatchError: If the guard does not let the timer pass.
        IdempotencyMismatchError: If the guard's key came with another request.
        BeyondTierError: If the guard does not let pass what the timer would become.
        DependencyUnavailableError: If a change of mind may have been made unheard, and nothing says whether it was.
        MinootsError: As `apply` for the timer as it stands, or if the store does not answer.
        StaleHintError: As `apply`.
        UnknownHintError: As `apply`.
        NotDueError: As `apply`.
    """
    current, unsure = timer, False
    for _ in range(MAX_TRIES):
        if guard.has_seen(current):
            return Transition(current, current)
        guard.check(current)
        try:
            transition = apply(current, command, now_ms)
        except StaleHintError as error:
            error.unsure = unsure
            raise
        if transition.timer is current:
            return transition
        guard.check_outcome(current, transition.timer)
        transition = replace(transition, timer=guard.sign(transition.timer))
        try:
            store.replace(current, transition.timer)
        except VersionMismatchError as error:
            unsure = unsure or error.unsure
            read = store.get(TimerKey(timer.tenant_id, timer.id))
            if read is None:
                raise
            _check_known(error, command, transition, read, guard)
            current = read
        else:
            return transition
    raise DependencyUnavailableError("The timer is being changed by too many at once; try again.")


def _check_known(
    error: VersionMismatchError, command: Command, transition: Transition, read: Timer, guard: Guard
) -> None:
    """Let a change of mind be decided again unless it may have been made already, unheard, and others upon it.

    Without a key in the timer nothing tells it from another's of the same kind, author, reason, version and instant.
    Tried again it might be made twice, refused though it was made, or undo what came after it.

    Raises:
        DependencyUnavailableError: If it may have been made.
    """
    if not error.unsure or not isinstance(command, Change) or guard.has_seen(read):
        return
    if set(transition.events) & set(read.timeline):
        raise DependencyUnavailableError(
            "The timer was changed while the answer was lost; whether by this request is not known: read it."
        )
