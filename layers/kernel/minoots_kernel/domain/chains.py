"""Whom an action asks, in which order, how often, and how long each has to answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from minoots_contract.actions import Action
from minoots_contract.agents import AGENT_KINDS
from minoots_contract.bindings import AgentBinding
from minoots_contract.retry import RetryPolicy
from minoots_kernel.domain.retry import policy_of
from minoots_kernel.domain.timer import Timer

__all__ = [
    "Asking",
    "Chain",
    "Step",
    "chain_of",
    "example_asking",
    "requires_acknowledgement",
    "url_of",
]

WEBHOOK_WAIT_MS: Final = 60_000
"""How long a webhook's receiver has to answer if nothing is said, milliseconds: as an agent's binding has it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody to ask.

    Attributes:
        number: 0 is the action's own agent.
        action: What is performed: the action itself, or a webhook in its name.
        binding: The agent; none if it is a webhook.
        timeout_ms: How long an answer is waited for, milliseconds.
        max_attempts: How often it is asked.
    """

    number: int
    action: Action
    binding: AgentBinding | None
    timeout_ms: int
    max_attempts: int

    @property
    def receiver(self) -> str:
        """Who it is, for people: without user info, query and headers, where secrets may be."""
        if self.binding is None:
            parameters = self.action.parameters
            destination, url = parameters.get("destination"), parameters.get("url")
            return f"webhook {_shown(str(url)) if url else destination}"
        target = self.binding.target or self.binding.destination or ""
        where = _shown(target) if "://" in target else target  # names of inboxes and destinations have no slash
        return f"{self.binding.adapter} {where}"


@dataclass(frozen=True, slots=True)
class Chain:
    """Everybody whom an action asks.

    Attributes:
        steps: In their order.
        done_within_ms: How long after an acceptance `done` is waited for, milliseconds; none if accepting is enough.
        retry_policy: When an asking that did not arrive is made again.
    """

    steps: tuple[Step, ...]
    done_within_ms: int | None
    retry_policy: RetryPolicy


@dataclass(frozen=True, slots=True)
class Asking:
    """What an attempt needs to ask somebody.

    Attributes:
        step: Whom.
        token: What the receiver shows when it answers.
        url: Where it answers.
    """

    step: Step
    token: str = field(repr=False)
    url: str = field(repr=False)

    def context(self) -> dict[str, Any]:
        """Return what templates know as `acknowledgement`."""
        return {"token": self.token, "url": self.url, "step": self.step.number, "timeoutMs": self.step.timeout_ms}


def example_asking(step: Step) -> Asking:
    """Return an asking by a token that is none, to try templates with."""
    return Asking(step, "ack_token", url_of("https://example.com", "ack_token"))


def url_of(base_url: str, token: str) -> str:
    """Return where the holder of a token answers."""
    return f"{base_url.rstrip('/')}/acknowledgements/{token}"


def requires_acknowledgement(action: Action) -> bool:
    """Tell whether an action has to be acknowledged, at no cost to those that have not."""
    return action.kind in AGENT_KINDS and action.parameters.get("requiresAcknowledgement") not in (None, False)


def chain_of(timer: Timer, action_id: str) -> Chain | None:
    """Return the chain of an action; none if it needs no acknowledgement, or nobody is there to be asked.

    Raises:
        pydantic.ValidationError: If the action's parameters are no longer valid.
    """
    action = timer.spec.action(action_id)
    if action is None or not requires_acknowledgement(action):
        return None
    parameters = action.command() if action.kind == "command" else action.agent_prompt()
    required, binding = parameters.requires_acknowledgement, parameters.binding or timer.spec.agent_binding
    if required is None or binding is None:
        return None
    policy = policy_of(timer, action_id)
    attempts = required.max_attempts or policy.max_attempts
    own = Step(0, action, binding, required.timeout_ms or binding.acknowledgement_timeout_ms, attempts)
    steps = [own]
    for number, wanted in enumerate(required.escalation, 1):
        step = replace(own, number=number, max_attempts=wanted.max_attempts or attempts)
        if wanted.binding is not None:
            waits = wanted.timeout_ms or wanted.binding.acknowledgement_timeout_ms
            steps.append(replace(step, binding=wanted.binding, timeout_ms=waits))
        elif wanted.webhook is not None:
            given = wanted.webhook.model_dump(mode="json", by_alias=True, exclude_unset=True)
            call = Action.model_construct(
                id=action.id, kind="webhook", parameters=given, retry_policy=None, escalation=None
            )
            waits = wanted.timeout_ms or WEBHOOK_WAIT_MS
            steps.append(replace(step, action=call, binding=None, timeout_ms=waits))
    return Chain(tuple(steps), required.done_within_ms, policy)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
