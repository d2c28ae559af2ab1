"""What remains of an action that exhausted its attempts: the delivery with its whole story."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import ActionState, Attempt, Timer

__all__ = ["ANY_LETTER", "DeadLetter", "LetterFilter", "LetterState", "dead_letter", "follows"]

MAX_STORY: Final = 50
"""Most attempts in a dead letter that was redriven again and again; a timer keeps the latest few of each action."""


class LetterState(StrEnum):
    """What has become of a dead letter."""

    DEAD = "dead"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that failed for good. Times are epoch milliseconds.

    A delivery has one letter, however often it dies; the letter of a later death takes the place of the one before.

    Attributes:
        id: The delivery id, `<timer id>_<action id>`.
        request: What was asked for, as JSON, without header values: they may be secrets.
        labels: The timer's.
        death: How often the delivery had been redriven before it died.
        state: What has become of the letter.
        changed_at_ms: Since when it is that, unless it is still dead.
    """

    id: str
    tenant_id: str
    timer_id: str
    action_id: str
    kind: str
    request: dict[str, Any]
    reason: str
    attempts: tuple[Attempt, ...]
    dead_at_ms: int
    labels: dict[str, str] = field(default_factory=dict)
    death: int = 0
    state: LetterState = LetterState.DEAD
    changed_at_ms: int | None = None

    @property
    def target(self) -> str:
        """Where the delivery was to go, as it was asked for.

        A URL, the name of an agent or the ARN of a target; `destination <name>` if it goes to that one's own URL.
        """
        binding = self.request.get("binding")
        named = [self.request.get("url"), binding.get("target") if isinstance(binding, dict) else None]
        ours = f"destination {self.destination}" if self.destination else ""
        return next((where for where in (*named, self.request.get("arn")) if isinstance(where, str)), ours)

    @property
    def destination(self) -> str | None:
        """The destination that the delivery's webhook, or the binding of its agent, names."""
        binding = self.request.get("binding")
        return self.request.get("destination") or (binding.get("destination") if isinstance(binding, dict) else None)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are meant: those that all of this holds of. Times are epoch milliseconds.

    Attributes:
        host: The host of the URL that they were to go to, with its port if it is named; in any case of letters.
        url_prefix: How that URL, or whatever else they were to go to, begins.
        destination: The destination that their webhooks, or the bindings of their agents, name.
        reason: What their reason contains, in any case of letters.
        labels: Labels of their timers.
        died_after_ms: They died then or later.
        died_before_ms: They died before.
    """

    host: str | None = None
    url_prefix: str | None = None
    destination: str | None = None
    kind: str | None = None
    reason: str | None = None
    timer_id: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    died_after_ms: int | None = None
    died_before_ms: int | None = None

    def matches(self, letter: DeadLetter) -> bool:
        """Tell whether a letter is meant; one that is not dead any more never is."""
        return (
            letter.state is LetterState.DEAD
            and self.timer_id in {None, letter.timer_id}
            and self.kind in {None, letter.kind}
            and self.destination in {None, letter.destination}
            and (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and all(letter.labels.get(name) == value for name, value in self.labels)
            and self._died_then(letter)
            and self._goes_there(letter.target)
        )

    def _died_then(self, letter: DeadLetter) -> bool:
        first_ms = letter.dead_at_ms if self.died_after_ms is None else self.died_after_ms
        return first_ms <= letter.dead_at_ms and (
            self.died_before_ms is None or letter.dead_at_ms < self.died_before_ms
        )

    def _goes_there(self, target: str) -> bool:
        if self.url_prefix is not None and not target.startswith(self.url_prefix):
            return False
        return self.host is None or self.host.lower() in _hosts(target)


ANY_LETTER: Final = LetterFilter()
"""Every dead letter."""


def dead_letter(timer: Timer, state: ActionState) -> DeadLetter:
    """Make the dead letter of a failed action; one that never ran, because its timer was too late, has no attempts."""
    action = timer.spec.action(state.id)
    parameters = dict(action.parameters) if action else {}
    if action and action.kind in _AGENTS and not parameters.get("binding") and timer.spec.agent_binding:
        parameters["binding"] = timer.spec.agent_binding.wire()
    last = state.attempts[-1] if state.attempts else None
    return DeadLetter(
        id=delivery_id(timer.id, state.id),
        tenant_id=timer.tenant_id,
        timer_id=timer.id,
        action_id=state.id,
        kind=action.kind if action else "unknown",
        request=_without_header_values(parameters),
        reason=state.error or timer.failure_reason or "unknown",
        attempts=state.attempts,
        dead_at_ms=last.ended_at_ms if last else timer.failed_at_ms or timer.fire_at_ms,
        labels=timer.spec.labels,
        death=state.redriven.times,
    )


def follows(letter: DeadLetter, earlier: DeadLetter) -> DeadLetter | None:
    """Return a letter as it takes the place of an earlier one; none if that is of the same death, or of a later one.

    Its story begins where the earlier one's does: the timer may not remember all of it.
    """
    if letter.death <= earlier.death:
        return None
    first = letter.attempts[0].number if letter.attempts else 0
    told_before = tuple(attempt for attempt in earlier.attempts if attempt.number < first or not first)
    return replace(letter, attempts=(*told_before, *letter.attempts)[-MAX_STORY:])


_AGENTS: Final = frozenset({"agent_prompt", "command"})


def _hosts(url: str) -> set[str]:
    """Return the names that a URL's host goes by, without and with its port; none if it is no URL."""
    try:
        parts = urlsplit(url)
        return {parts.netloc.rpartition("@")[2].lower(), parts.hostname or ""} - {""}
    except ValueError:
        return set()


def _without_header_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with the names of headers alone: their own, and those of everybody whom they name.

    That is an agent's binding, and the bindings and webhooks of who is asked in its place.
    """
    shown = dict(parameters)
    if isinstance(shown.get("headers"), dict):
        shown["headers"] = sorted(shown["headers"])
    for part in ("binding", "webhook", "requiresAcknowledgement"):
        if isinstance(shown.get(part), dict):
            shown[part] = _without_header_values(shown[part])
    if isinstance(shown.get("escalation"), list):
        shown["escalation"] = [
            _without_header_values(step) if isinstance(step, dict) else step for step in shown["escalation"]
        ]
    return shown
