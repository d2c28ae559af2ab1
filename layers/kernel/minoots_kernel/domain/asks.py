"""What is known of an action whose agent has to acknowledge it: whom it asked, what was answered, what is waited for.

An action that requires an acknowledgement asks one receiver after the other: its own agent, then the steps of its
escalation. Each attempt of the action is one asking. After one that arrived the action *waits*, until somebody answers
or the deadline passes. That deadline is the action's `next_attempt_at_ms`: whatever looks after attempts that are
overdue looks after waits, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from minoots_contract.acknowledgements import Answered

__all__ = ["MAX_TOKENS", "Acknowledgement", "Ask", "Outcome", "Words"]

MAX_TOKENS: Final = 24
"""Digests kept of one step's tokens: each asking has one of its own, there are at most 20, and a crash repeats one."""

Outcome = Literal["silent", "unreachable"]
"""How a step ends that nobody answered."""

Words = Answered | Outcome


@dataclass(frozen=True, slots=True)
class Ask:
    """One step of the chain. Times are epoch milliseconds.

    Attributes:
        step: 0 is the action's own agent, 1 the first of its escalation.
        receiver: Who was asked, for people.
        asked_at_ms: When the first asking began.
        tries: Askings that came to an end, well or badly.
        tokens: Digests of the tokens that were given out, the latest last.
        word: What was answered last, or how it ended without an answer.
        word_at_ms: When.
        accepted_at_ms: When it first said that it has the matter in hand.
        by: Who answered.
        reason: Why, in the words of whoever answered.
        result: How what came of it begins, as JSON.
    """

    step: int
    receiver: str
    asked_at_ms: int
    tries: int = 0
    tokens: tuple[str, ...] = ()
    word: Words | None = None
    word_at_ms: int | None = None
    accepted_at_ms: int | None = None
    by: str | None = None
    reason: str | None = None
    result: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is waited for from this receiver, unless the action is done."""
        return self.word in {"refused", "silent", "unreachable"}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How far an action's acknowledgement has come.

    Attributes:
        action_id: Whose.
        step: Which step of the chain is asked now.
        waits: Whether there is nothing to do until the action's `next_attempt_at_ms`; else an attempt is due then.
        began_at_ms: When the attempt began that is under way; none between attempts.
        settled_at_ms: When the action ended, well or badly.
        task_token: What lets the execution go on that waits beside the action, if one does.
        driver: That execution's name. Another one has nothing to say any more.
        asks: The steps that were begun, oldest first.
    """

    action_id: str
    step: int = 0
    waits: bool = False
    began_at_ms: int | None = None
    settled_at_ms: int | None = None
    task_token: str | None = None
    driver: str | None = None
    asks: tuple[Ask, ...] = ()

    def ask(self, step: int) -> Ask | None:
        """Return what is known of a step."""
        return next((ask for ask in self.asks if ask.step == step), None)

    def without(self, digest: str) -> Acknowledgement:
        """Return the same without a token that was never given out."""
        ask = self.ask(self.step)
        if ask is None or digest not in ask.tokens:
            return self
        return self.having(replace(ask, tokens=tuple(one for one in ask.tokens if one != digest)))

    def having(self, ask: Ask) -> Acknowledgement:
        """Return the same with a step as it is now."""
        known = [ask if one.step == ask.step else one for one in self.asks]
        return replace(self, asks=tuple(known) if self.ask(ask.step) else (*self.asks, ask))

    @property
    def settled_by(self) -> Ask | None:
        """The step whose answer ended the action well."""
        return next((one for one in self.asks if one.word in {"accepted", "done"} and self.settled_at_ms), None)
