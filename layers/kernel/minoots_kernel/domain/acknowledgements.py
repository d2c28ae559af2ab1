"""How an action moves on that has to be acknowledged. Pure, as `transitions`, which stores what comes of it.

    asked ──▶ waits ──accepted──▶ succeeded, or waits for `done` if the action says how long
                │ ──progress──▶ waits anew
                │ ──done──▶ succeeded
                │ ──refused──▶ the next step of the chain; without one, failed
                └──silence──▶ asked again; too often, or after an acceptance: the next step

An attempt that arrived succeeded; one that nobody acknowledged failed after all, and says so. So the attempts of an
action tell its story: who was asked when, and what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from minoots_kernel.domain.ask_commands import Acknowledge, AskCommand, AttachToken, BeginAsk, EndAsk, ExpireAsk
from minoots_kernel.domain.asks import MAX_TOKENS, Acknowledgement, Ask, Outcome, Words
from minoots_kernel.domain.chains import Chain, Step, chain_of
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import NotFoundError, StaleHintError, StateConflictError, TokenExpiredError
from minoots_kernel.domain.retry import retry_delay_ms
from minoots_kernel.domain.timer import ActionState, ActionStatus, Attempt, Status, Timer

__all__ = ["DUE_WITHIN_MS", "Asked", "asked", "is_due", "may_begin", "open_acknowledgement", "under_way"]

MAX_ATTEMPTS_KEPT: Final = 10
MAX_NOTE: Final = 200

DUE_WITHIN_MS: Final = 50
"""What is due so soon is due: nobody waits a second for the sake of a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command made of an action.

    Attributes:
        state: The action.
        acknowledgement: How far its acknowledgement has come.
        events: What happened, in the contract's words.
        by: Who did it, for the timeline.
        note: What it was, for the timeline.
    """

    state: ActionState
    acknowledgement: Acknowledgement
    events: tuple[str, ...] = ()
    by: str | None = None
    note: str | None = None


def asked(timer: Timer, command: AskCommand, now_ms: int) -> Asked | None:
    """Apply a command about an acknowledgement.

    Args:
        timer: The timer as it was read.
        command: What is to happen.
        now_ms: The service's clock, epoch milliseconds.

    Returns:
        What the action has become; none when the command had been done already.

    Raises:
        StaleHintError: If the command comes from a hint that is over.
        NotFoundError: If an answer's token was never given out.
        StateConflictError: If the action was settled before the answer came.
        TokenExpiredError: If somebody else is asked by the time that the answer came.
    """
    state, chain = timer.action(command.action_id), chain_of(timer, command.action_id)
    if state is None or chain is None:
        raise NotFoundError("There is no such token.")  # nobody is told which timers there are
    return _HANDLERS[type(command)](_Case(timer, state, chain, now_ms), command)


def open_acknowledgement(timer: Timer, state: ActionState) -> Acknowledgement:
    """Return how far an action's acknowledgement has come; afresh if the action begins, or begins again."""
    known = timer.acknowledgement(state.id)
    return Acknowledgement(state.id) if known is None or known.settled_at_ms is not None else known


def is_due(state: ActionState, now_ms: int) -> bool:
    """Tell whether an action's next attempt is due, or as good as."""
    return (state.next_attempt_at_ms or now_ms) - now_ms <= DUE_WITHIN_MS


def may_begin(state: ActionState, known: Acknowledgement, now_ms: int) -> bool:
    """Tell whether somebody is to be asked now, and nobody has begun to."""
    return not known.waits and not under_way(state, known) and is_due(state, now_ms)


def under_way(state: ActionState, known: Acknowledgement) -> bool:
    """Tell whether an attempt was begun that has no outcome yet. One that was put off after all is due later."""
    return known.began_at_ms is not None and known.began_at_ms == state.next_attempt_at_ms


@dataclass(frozen=True, slots=True)
class _Case:
    timer: Timer
    state: ActionState
    chain: Chain
    now_ms: int

    @property
    def open(self) -> bool:
        return self.timer.status is Status.FIRED and self.state.status is ActionStatus.DISPATCHED

    @property
    def acknowledgement(self) -> Acknowledgement:
        return open_acknowledgement(self.timer, self.state)

    def step(self, number: int) -> Step:
        return self.chain.steps[min(number, len(self.chain.steps) - 1)]


def _begin(case: _Case, command: BeginAsk) -> Asked:
    state, known = case.state, case.acknowledgement
    ours = (command.attempt, command.step) == (state.next_attempt, known.step)
    if not case.open or not ours or known.waits or not is_due(state, case.now_ms):
        raise StaleHintError(f"attempt {command.attempt} is not to be made")
    ask = known.ask(known.step) or Ask(known.step, command.receiver, case.now_ms)
    ask = replace(ask, tokens=(*ask.tokens, command.digest)[-MAX_TOKENS:])
    # Whatever drove the attempts before, and does not drive this one, may be gone: another one may take its place.
    begun = replace(known.having(ask), began_at_ms=case.now_ms, task_token=command.task_token, driver=command.driver)
    return Asked(replace(state, next_attempt_at_ms=case.now_ms), begun)


def _end(case: _Case, command: EndAsk) -> Asked:
    state, known, attempt = case.state, case.acknowledgement, command.attempt
    ask = known.ask(known.step)
    if not case.open or attempt.number != state.next_attempt or ask is None or command.digest not in ask.tokens:
        raise StaleHintError(f"attempt {attempt.number} has its outcome already")
    state, known = _with_attempt(state, attempt), replace(known, began_at_ms=None)
    ask = replace(ask, tries=ask.tries + 1)
    step = case.step(known.step)
    if attempt.outcome == "succeeded":
        deadline_ms = attempt.ended_at_ms + step.timeout_ms
        return Asked(replace(state, next_attempt_at_ms=deadline_ms), replace(known.having(ask), waits=True))
    policy = case.chain.retry_policy
    if attempt.failure not in policy.retry_on or ask.tries >= step.max_attempts:
        told = _close(case, state, known.having(ask), ask, "unreachable", attempt.error)
        return replace(told, events=("attempt_failed", *told.events))
    delay_ms = retry_delay_ms(policy, delivery_id(case.timer.id, state.id), ask.tries, command.retry_after_ms)
    again = replace(state, next_attempt_at_ms=case.now_ms + delay_ms)
    return Asked(again, known.having(ask), ("attempt_failed",))


def _attach(case: _Case, command: AttachToken) -> Asked | None:
    state, known = case.state, case.acknowledgement
    if not case.open or not known.waits or command.attempt != state.tries:
        raise StaleHintError("the action does not wait")
    if (known.task_token, known.driver) == (command.task_token, command.driver):
        return None
    return Asked(state, replace(known, task_token=command.task_token, driver=command.driver))


def _expire(case: _Case, command: ExpireAsk) -> Asked:
    state, known = case.state, case.acknowledgement
    deadline_ms, ask = state.next_attempt_at_ms or 0, known.ask(known.step)
    if not case.open or not known.waits or command.attempt != state.tries or ask is None:
        raise StaleHintError("the action does not wait")
    if case.now_ms < deadline_ms:
        raise StaleHintError(f"there is time until {deadline_ms}")
    step = case.step(known.step)
    what = "done" if ask.accepted_at_ms else "acknowledged"
    why = f"{ask.receiver}: not {what} in time"
    if ask.accepted_at_ms is not None or ask.tries >= step.max_attempts:
        return _close(case, _unacknowledged(state, why), known, ask, "silent", None, note=why)
    again = replace(_unacknowledged(state, why), next_attempt_at_ms=case.now_ms)
    return Asked(again, replace(known, waits=False), ("unacknowledged",), note=why)


def _acknowledge(case: _Case, command: Acknowledge) -> Asked | None:
    known = case.timer.acknowledgement(case.state.id)
    ask = known.ask(command.step) if known else None
    if known is None or ask is None or (command.digest is not None and command.digest not in ask.tokens):
        raise NotFoundError("There is no such token.")
    if command.life is not None and command.life != case.state.redriven.times:
        raise TokenExpiredError("The action was redriven: somebody is asked afresh.")
    if _said_before(ask, command.word):
        return None
    if known.settled_at_ms is not None or not case.open:
        raise StateConflictError(_how_it_ended(known))
    if ask.over or ask.step != known.step:
        raise TokenExpiredError(f"{ask.receiver} is not waited for any more: {_shown(ask)}.")
    return _heard(_arrived(case), command, ask)


def _heard(case: _Case, command: Acknowledge, asked_before: Ask) -> Asked:
    state, known, word, now_ms = case.state, case.acknowledgement, command.word, case.now_ms
    ask = replace(known.ask(asked_before.step) or asked_before, word=word, word_at_ms=now_ms, by=command.by)
    ask = replace(ask, reason=command.reason, result=command.result or ask.result)
    by = command.by or ask.receiver
    if word == "refused":
        why = f"{ask.receiver}: refused" + (f": {command.reason}" if command.reason else "")
        told = _close(case, _unacknowledged(state, why), known.having(ask), ask, None, command.reason, note=why)
        return replace(told, by=by)
    ask = replace(ask, accepted_at_ms=ask.accepted_at_ms or now_ms)
    events = () if word == "progress" else ("acknowledged",)
    if word == "done" or (word == "accepted" and case.chain.done_within_ms is None):
        done = replace(state, status=ActionStatus.SUCCEEDED, next_attempt_at_ms=None)
        return Asked(done, _ended(known.having(ask), now_ms), events, by, word)
    wait_ms = case.chain.done_within_ms or case.step(known.step).timeout_ms
    waiting = replace(state, next_attempt_at_ms=now_ms + wait_ms, put_off=None)
    return Asked(waiting, replace(known.having(ask), waits=True, began_at_ms=None), events, by, word)


def _arrived(case: _Case) -> _Case:
    """Write down the attempt that is still under way: whoever answers it has it."""
    state, known = case.state, case.acknowledgement
    ask = known.ask(known.step)
    if not under_way(state, known) or ask is None:
        return case
    began_ms = known.began_at_ms or case.now_ms
    attempt = Attempt(state.next_attempt, began_ms, max(case.now_ms, began_ms), "succeeded")
    known = replace(known.having(replace(ask, tries=ask.tries + 1)), waits=True, began_at_ms=None)
    others = tuple(one for one in case.timer.acknowledgements if one.action_id != state.id)
    return replace(
        case,
        timer=replace(case.timer, acknowledgements=(*others, known)),
        state=_with_attempt(state, attempt),
    )


def _close(
    case: _Case,
    state: ActionState,
    known: Acknowledgement,
    ask: Ask,
    outcome: Outcome | None,
    reason: str | None,
    *,
    note: str | None = None,
) -> Asked:
    """End a step without an acknowledgement: the next one is asked at once, or the action has failed."""
    word = cast(Words, outcome or ask.word)
    known = replace(known.having(replace(ask, word=word, word_at_ms=case.now_ms, reason=reason)), began_at_ms=None)
    # What the attempt that did not come to be had waited for was this step's: the next one, or life, has its own.
    state = replace(state, put_off=None)
    events = () if outcome == "unreachable" else ("unacknowledged",)
    if known.step + 1 < len(case.chain.steps):
        onward = replace(known, step=known.step + 1, waits=False)
        return Asked(replace(state, next_attempt_at_ms=case.now_ms), onward, events, note=note)
    failed = replace(state, status=ActionStatus.FAILED, next_attempt_at_ms=None)
    return Asked(failed, _ended(known, case.now_ms), events, note=note)


def _ended(known: Acknowledgement, now_ms: int) -> Acknowledgement:
    return replace(known, waits=False, settled_at_ms=now_ms)


def _with_attempt(state: ActionState, attempt: Attempt) -> ActionState:
    attempts = (*state.attempts, attempt)[-MAX_ATTEMPTS_KEPT:]
    return replace(state, tries=attempt.number, attempts=attempts, next_attempt_at_ms=None, put_off=None)


def _unacknowledged(state: ActionState, why: str) -> ActionState:
    """Say of the latest attempt that it failed after all."""
    if not state.attempts:
        return state
    failed = replace(state.attempts[-1], outcome="failed", error=why[:MAX_NOTE], failure="unacknowledged")
    return replace(state, attempts=(*state.attempts[:-1], failed))


def _said_before(ask: Ask, word: str) -> bool:
    """Tell whether an answer was given before, and stands; each word of progress is a new one."""
    if word == "accepted":
        return ask.accepted_at_ms is not None
    return word != "progress" and ask.word == word


def _shown(ask: Ask) -> str:
    return "it refused" if ask.word == "refused" else "somebody else is asked" if ask.over else "it was asked again"


def _how_it_ended(known: Acknowledgement) -> str:
    settled = known.settled_by
    if settled is None:
        return "The action has failed; nobody acknowledged it in time."
    return f"The action is settled: {settled.receiver} answered '{settled.word}'."


_HANDLERS: Final[dict[type, Callable[[_Case, Any], Asked | None]]] = {
    BeginAsk: _begin,
    EndAsk: _end,
    AttachToken: _attach,
    ExpireAsk: _expire,
    Acknowledge: _acknowledge,
}
