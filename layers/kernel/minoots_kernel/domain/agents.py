"""What an agent is told when a timer fires, whichever way it is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from minoots_contract.actions import Action
from minoots_contract.agents import AgentBinding
from minoots_contract.templates import Budget
from minoots_kernel.domain.action_context import action_context, default_payload, filled_in, filled_in_text, written
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import NO_CREDENTIALS, Credentials

__all__ = ["AgentDelivery", "agent_delivery", "http_body", "receiver_of"]

# LangGraph's runs, with or without a thread, waited for or not; anything else is the root of a LangServe runnable.
_RUNS: Final = re.compile(r"/runs(/wait)?$")


@dataclass(frozen=True, slots=True)
class AgentDelivery:
    """One attempt to tell an agent something.

    Attributes:
        timer: The fired timer.
        action_id: Which of its actions.
        kind: The action's kind, `agent_prompt` or `command`.
        attempt: The attempt's number, from 1.
        now_ms: When it starts, epoch milliseconds.
        binding: How the agent is reached.
        text: What a person would say to it, if there is anything such.
        payload: What it is told: the binding's template filled in, or everything that there is to tell.
        templated: Whether the payload is the caller's own.
        asking: By what token it is asked for an acknowledgement, if it is.
        credentials: What the binding's destination adds, if it names one.
    """

    timer: Timer
    action_id: str
    kind: str
    attempt: int
    now_ms: int
    binding: AgentBinding
    text: str | None
    payload: dict[str, Any]
    templated: bool
    asking: Asking | None = None
    credentials: Credentials = NO_CREDENTIALS

    @property
    def identity(self) -> str:
        """The delivery id: the same on every attempt."""
        return delivery_id(self.timer.id, self.action_id)

    @property
    def target(self) -> str:
        """Where the agent is: as its binding says, or else the destination that this names."""
        return self.binding.target or self.credentials.url or ""


def receiver_of(timer: Timer, given: AgentBinding | None) -> AgentBinding | None:
    """Return who receives an action: its own binding, or the timer's."""
    return given or timer.spec.agent_binding


def agent_delivery(
    timer: Timer,
    action: Action,
    attempt: int,
    now_ms: int,
    *,
    binding: AgentBinding,
    said: dict[str, JsonValue],
    asking: Asking | None = None,
) -> AgentDelivery:
    """Build what an attempt tells an agent.

    Args:
        timer: The fired timer.
        action: One of its actions for agents.
        attempt: The attempt's number, from 1.
        now_ms: When it starts, epoch milliseconds.
        binding: How the agent is reached.
        said: What the action has to say, by the name that templates know it by: `prompt`, a template itself, or
            `command` and `arguments`.
        asking: By what token it is asked for an acknowledgement, if it is.

    Raises:
        PermanentActionError: If a template cannot be filled in.
    """
    more = {"acknowledgement": asking.context()} if asking else {}
    context = action_context(timer, action.id, attempt, **said, **more)
    prompt, budget = said.get("prompt"), Budget()
    if isinstance(prompt, str):
        context["prompt"] = filled_in_text(prompt, context, budget)
    template = binding.payload_template
    payload: Any = filled_in(template, context, budget) if template else default_payload(context)
    return AgentDelivery(
        timer=timer,
        action_id=action.id,
        kind=action.kind,
        attempt=attempt,
        now_ms=now_ms,
        binding=binding,
        text=_text_of(context),
        payload=payload,
        templated=bool(template),
        asking=asking,
    )


def http_body(delivery: AgentDelivery) -> tuple[str, JsonValue]:
    """Return the URL and the JSON body of the request that an agent gets over plain HTTP.

    `custom` gets the payload as it is. `langchain` gets it as the input of a LangGraph run, if the target ends in
    `/runs` or `/runs/wait`, else of LangServe's `/invoke`. `autogen` has no HTTP interface of its own: the services
    that people write around AgentChat take one of its messages, so that is what is sent unless there is a template.
    """
    binding = delivery.binding
    if binding.adapter == "langchain":
        return _langchain(delivery)
    if binding.adapter == "autogen" and not delivery.templated:
        return delivery.target, {
            "type": "TextMessage",
            "source": "user",
            "content": delivery.text or written(delivery.payload),
            "metadata": _metadata(delivery),
        }
    return delivery.target, delivery.payload


def _langchain(delivery: AgentDelivery) -> tuple[str, JsonValue]:
    target, metadata = delivery.target, _metadata(delivery)
    path, _, query = target.partition("?")
    if not _RUNS.search(path):
        url = f"{path.rstrip('/')}/invoke" + (f"?{query}" if query else "")
        return url, {"input": delivery.payload, "config": {"metadata": metadata}}
    told: JsonValue = delivery.payload
    if not delivery.templated and delivery.text is not None:
        told = {"messages": [{"role": "user", "content": delivery.text}]}  # what most graphs take
    return target, {"assistant_id": delivery.binding.assistant or "agent", "input": told, "metadata": metadata}


def _metadata(delivery: AgentDelivery) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"deliveryId": delivery.identity, "timerId": delivery.timer.id}
    return told if delivery.asking is None else {**told, "acknowledgementUrl": delivery.asking.url}


def _text_of(context: dict[str, Any]) -> str | None:
    if "prompt" in context:
        return str(context["prompt"])
    command = context.get("command")
    return None if command is None else command if isinstance(command, str) else written(command)
