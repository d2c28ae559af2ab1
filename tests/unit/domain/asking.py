"""Timers whose agent has to acknowledge, in any stage of that."""

from __future__ import annotations

from typing import Any, Literal

from minoots_contract.acknowledgements import Answered
from minoots_contract.retry import Failure
from minoots_kernel.domain.acknowledgements import open_acknowledgement
from minoots_kernel.domain.ask_commands import Acknowledge, BeginAsk, EndAsk, ExpireAsk
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.commands import Fire
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.timer import ActionState, Attempt, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.domain.builders import NOW_MS, after, request

AGENT = {"adapter": "custom", "target": "https://agent.example/run?key=secret"}
COLLEAGUE = {"adapter": "inbox", "target": "bob"}
PERSON = {"url": "https://pager.example/hook"}
REQUIRED = {
    "timeoutMs": 10_000,
    "maxAttempts": 2,
    "escalation": [
        {"binding": COLLEAGUE, "timeoutMs": 5_000, "maxAttempts": 1},
        {"webhook": PERSON, "timeoutMs": 7_000, "maxAttempts": 1},
    ],
}
FIRED_MS = NOW_MS + 30_000


def ask_bundle(*others: dict[str, Any], **required: Any) -> dict[str, Any]:
    """A bundle whose action `a` has to be acknowledged; `required` takes the place of parts of `REQUIRED`."""
    parameters = {"prompt": "look", "binding": AGENT, "requiresAcknowledgement": REQUIRED | required}
    return {"actions": [{"id": "a", "kind": "agent_prompt", "parameters": parameters}, *others]}


def asking(**required: Any) -> Timer:
    """A fired timer whose action asks."""
    timer = new_timer(request(actionBundle=ask_bundle(**required)), timer_id="0190-t1", tenant_id="demo", now_ms=NOW_MS)
    return after(timer, (Fire(timer.generation), FIRED_MS))


def state_of(timer: Timer) -> ActionState:
    state = timer.action("a")
    assert state is not None
    return state


def known_of(timer: Timer) -> Acknowledgement:
    known = timer.acknowledgement("a")
    assert known is not None
    return known


def begun(timer: Timer, now_ms: int | None = None, digest: str | None = None) -> Timer:
    """The timer once its next attempt began, with a token of that digest (`d<step>`)."""
    state = state_of(timer)
    step = open_acknowledgement(timer, state).step
    at_ms = now_ms or state.next_attempt_at_ms or FIRED_MS
    receiver = ("custom https://agent.example/run", "inbox bob", "webhook https://pager.example/hook")[step]
    return after(timer, (BeginAsk("a", state.next_attempt, step, receiver, digest or f"d{step}"), at_ms))


def ended(
    timer: Timer,
    outcome: Literal["succeeded", "failed"] = "succeeded",
    now_ms: int | None = None,
    why: Failure = "serverError",
) -> Timer:
    """The timer once the attempt that is under way ended."""
    state = state_of(timer)
    at_ms = now_ms or state.next_attempt_at_ms or FIRED_MS
    error = None if outcome == "succeeded" else "no luck"
    failure = None if outcome == "succeeded" else why
    attempt = Attempt(state.next_attempt, at_ms, at_ms, outcome, 200, error, failure=failure)
    ask = known_of(timer).ask(known_of(timer).step)
    return after(timer, (EndAsk("a", attempt, ask.tokens[-1] if ask else ""), at_ms))


def waiting(timer: Timer, now_ms: int | None = None) -> Timer:
    """The timer once its next asking arrived."""
    return ended(begun(timer, now_ms))


def answered(timer: Timer, word: Answered, now_ms: int | None = None, *, step: int | None = None, **more: Any) -> Timer:
    """The timer once whoever was asked has answered."""
    number = known_of(timer).step if step is None else step
    at_ms = now_ms or (state_of(timer).next_attempt_at_ms or FIRED_MS) - 1
    return apply(timer, Acknowledge("a", number, f"d{number}", word, **more), at_ms).timer


def silent(timer: Timer) -> Timer:
    """The timer once its wait ran out."""
    state = state_of(timer)
    assert state.next_attempt_at_ms is not None
    return after(timer, (ExpireAsk("a", state.tries), state.next_attempt_at_ms))
