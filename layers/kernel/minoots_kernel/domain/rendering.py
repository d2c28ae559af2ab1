"""Filling in the placeholders of a webhook, each where it stands in a way that is safe there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from minoots_contract.templates import Budget, TemplateError, field_path, render, render_text
from minoots_contract.webhooks import RenderedWebhook, WebhookParameters
from minoots_kernel.domain.action_context import MAX_CONTENT, action_context, ending
from minoots_kernel.domain.chains import Asking
from minoots_kernel.domain.timer import Timer

__all__ = ["UnrenderableError", "render_webhook"]


class UnrenderableError(ValueError):
    """A template that names what is not there, or becomes something that cannot be sent.

    Attributes:
        field: The parameter at fault: `body.items[0].text`.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def render_webhook(
    timer: Timer,
    action_id: str,
    parameters: WebhookParameters,
    asking: Asking | None = None,
    *,
    whole: Budget | None = None,
) -> RenderedWebhook:
    """Fill in the placeholders of a webhook for its next attempt.

    What goes into the URL is percent-encoded, slashes too, so that no value can leave its place in the path or query.

    Args:
        timer: The timer; of one that has not fired what the first attempt would send if it were on time.
        action_id: Which of its actions.
        parameters: The action's parameters.
        asking: By what token it asks for an acknowledgement, if it does.
        whole: A budget for look-ups that this one shares with others, beside its own.

    Raises:
        UnrenderableError: If a placeholder leads nowhere, or what comes of it cannot be sent.
    """
    state = timer.action(action_id)
    more = {"acknowledgement": asking.context()} if asking else {}
    context = action_context(timer, action_id, state.next_attempt if state else 1, **more)
    budget = Budget(whole=whole)
    rendered: dict[str, Any] = {"timeout_ms": parameters.timeout_ms}
    name = "url"
    try:
        rendered[name] = parameters.url and render_text(parameters.url, context, escape=_percent_encoded, budget=budget)
        name = "method"
        rendered[name] = render_text(parameters.method, context, budget=budget)
        name = "headers"
        carried = {**context, **_in_ascii(ending(timer, action_id))}
        rendered[name] = {
            field: render_text(value, carried, budget=budget) for field, value in parameters.headers.items()
        }
        name = "body"
        rendered[name] = render(parameters.body, context, limit=MAX_CONTENT, budget=budget)
    except TemplateError as error:
        raise UnrenderableError(field_path(name, error.where), str(error)) from error
    try:
        return RenderedWebhook.model_validate(rendered)
    except ValidationError as error:
        first = error.errors()[0]
        where = tuple(step for step in first["loc"] if step != "[key]")
        message = str(first["msg"]).removeprefix("Value error, ")
        raise UnrenderableError(field_path("", where).removeprefix("."), f"once filled in: {message}") from error


def _in_ascii(told: Any) -> Any:
    """Return what came of other actions as a header can carry it: nobody could know the words when it was written."""
    if isinstance(told, dict):
        return {name: _in_ascii(value) for name, value in told.items()}
    if not isinstance(told, str):
        return told
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in told).strip()


def _percent_encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")
