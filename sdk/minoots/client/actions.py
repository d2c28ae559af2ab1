"""Short ways to say what a timer does when it fires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from minoots_contract.actions import Action, ActionBundle, RetryPolicy

__all__ = ["agent_prompt", "command", "webhook", "workflow_event"]


def webhook(
    url: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: JsonValue = None,
    max_attempts: int | None = None,
    retry: RetryPolicy | None = None,
) -> ActionBundle:
    """Return an action bundle of one webhook.

    Args:
        url: Where to, http or https.
        method: The HTTP method.
        headers: Sent along, such as an ``Authorization`` for the receiver.
        body: Sent as JSON; without it the timer's own envelope is sent.
        max_attempts: Tries altogether, with exponential backoff between them; as the tenant has settled without it.
        retry: The whole retry policy, instead of that.

    Raises:
        pydantic.ValidationError: If the contract has no such webhook.
    """
    parameters: dict[str, JsonValue] = {"url": url, "method": method}
    if headers:
        parameters["headers"] = dict(headers)
    if body is not None:
        parameters["body"] = body
    return _bundle("webhook", parameters, max_attempts, retry)


def workflow_event(
    target: str,
    arn: str | None = None,
    *,
    payload: JsonValue = None,
    detail_type: str | None = None,
    max_attempts: int | None = None,
    retry: RetryPolicy | None = None,
) -> ActionBundle:
    """Return an action bundle that reaches something in AWS.

    Args:
        target: ``bus``, ``queue``, ``topic``, ``function`` or ``stateMachine``.
        arn: Which one; not needed for the deployment's own bus.
        payload: What is sent, with placeholders such as ``{{ timer.metadata.order }}``; the timer itself without it.
        detail_type: What a bus's rules choose by; for a bus only, and needed there.
        max_attempts: Tries altogether, with exponential backoff between them; as the tenant has settled without it.
        retry: The whole retry policy, instead of that.

    Raises:
        pydantic.ValidationError: If the contract has no such event.
    """
    content = "detail" if target == "bus" else "payload"
    given: dict[str, JsonValue] = {"target": target, "arn": arn, content: payload, "detailType": detail_type}
    parameters: dict[str, JsonValue] = {name: value for name, value in given.items() if value is not None}
    return _bundle("workflow_event", parameters, max_attempts, retry)


def agent_prompt(
    prompt: str | None = None,
    *,
    binding: Mapping[str, JsonValue] | None = None,
    max_attempts: int | None = None,
    retry: RetryPolicy | None = None,
    acknowledgement: bool | Mapping[str, JsonValue] = False,
) -> ActionBundle:
    """Return an action bundle that wakes an agent.

    Args:
        prompt: What to say to it, with placeholders such as ``{{ timer.name }}``.
        binding: How the agent is reached, such as ``{"adapter": "inbox", "target": "ann"}``; the timer's own
            ``agent_binding`` without it.
        max_attempts: Tries altogether, with exponential backoff between them; as the tenant has settled without it.
        retry: The whole retry policy, instead of that.
        acknowledgement: Whether the agent has to acknowledge it, or how: ``{"timeoutMs": 60_000, "escalation": […]}``.

    Raises:
        pydantic.ValidationError: If the contract has no such prompt or binding.
    """
    parameters: dict[str, JsonValue] = {} if prompt is None else {"prompt": prompt}
    return _bundle("agent_prompt", parameters | _for_agent(binding, acknowledgement), max_attempts, retry)


def command(
    template: str,
    arguments: Mapping[str, JsonValue] | None = None,
    *,
    version: int | None = None,
    binding: Mapping[str, JsonValue] | None = None,
    max_attempts: int | None = None,
    retry: RetryPolicy | None = None,
    acknowledgement: bool | Mapping[str, JsonValue] = False,
) -> ActionBundle:
    """Return an action bundle that gives an agent a stored command.

    Args:
        template: The command template's name.
        arguments: What its ``{{ arguments.… }}`` stand for.
        version: Which version; the latest, as the timer is created, without it.
        binding: As in `agent_prompt`.
        max_attempts: Tries altogether, with exponential backoff between them; as the tenant has settled without it.
        retry: The whole retry policy, instead of that.
        acknowledgement: As in `agent_prompt`.

    Raises:
        pydantic.ValidationError: If the contract has no such command or binding.
    """
    parameters: dict[str, JsonValue] = {"template": template, "arguments": dict(arguments or {})}
    if version is not None:
        parameters["version"] = version
    return _bundle("command", parameters | _for_agent(binding, acknowledgement), max_attempts, retry)


def _for_agent(
    binding: Mapping[str, JsonValue] | None, acknowledgement: bool | Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    parameters: dict[str, JsonValue] = {} if binding is None else {"binding": dict(binding)}
    if acknowledgement is not False:
        parameters["requiresAcknowledgement"] = acknowledgement if acknowledgement is True else dict(acknowledgement)
    return parameters


def _bundle(
    kind: Literal["webhook", "workflow_event", "agent_prompt", "command"],
    parameters: dict[str, JsonValue],
    max_attempts: int | None,
    retry: RetryPolicy | None,
) -> ActionBundle:
    action = Action(id=kind, kind=kind, parameters=parameters)
    if retry is None and max_attempts is not None:
        retry = RetryPolicy(max_attempts=max_attempts)
    return ActionBundle(actions=[action]) if retry is None else ActionBundle(actions=[action], retry_policy=retry)
