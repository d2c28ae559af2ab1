"""Short ways to say what a timer does when it fires."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from minoots_contract.actions import Action, ActionBundle, RetryPolicy

__all__ = ["webhook"]


def webhook(
    url: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: JsonValue = None,
    max_attempts: int = 1,
) -> ActionBundle:
    """Return an action bundle of one webhook.

    Args:
        url: Where to, http or https.
        method: The HTTP method.
        headers: Sent along, such as an ``Authorization`` for the receiver.
        body: Sent as JSON; without it the timer's own envelope is sent.
        max_attempts: Tries altogether, with exponential backoff between them.

    Raises:
        pydantic.ValidationError: If the contract has no such webhook.
    """
    parameters: dict[str, JsonValue] = {"url": url, "method": method}
    if headers:
        parameters["headers"] = dict(headers)
    if body is not None:
        parameters["body"] = body
    action = Action(id="webhook", kind="webhook", parameters=parameters)
    return ActionBundle(actions=[action], retry_policy=RetryPolicy(max_attempts=max_attempts))
