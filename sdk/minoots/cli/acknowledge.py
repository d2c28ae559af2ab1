"""``minoots acknowledge``: answer for an action that was asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.values import json_value

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Answer", "acknowledge"]


class Answer(StrEnum):
    """The contract's answers, here again because the contract's own load Pydantic (a test holds them equal)."""

    ACCEPTED = "accepted"
    PROGRESS = "progress"
    DONE = "done"
    REFUSED = "refused"


def acknowledge(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="As the agent was given it.", show_default=False)],
    status: Annotated[Answer, typer.Argument(help="What to answer.", show_default=False)],
    by: Annotated[str | None, typer.Option(help="Who answers, one line for people.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, above all of a refusal.")] = None,
    result: Annotated[str | None, typer.Option(metavar="JSON", help="What came of it.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer for an action that has to be acknowledged; the URL is all that is needed."""
    run = invocation(ctx, as_json)
    value = json_value(result, "--result")
    # Deferred: the client costs what `--help` need not pay.
    from minoots.client import acknowledge as answer

    try:
        reply = answer(
            url,
            status.value,
            by=by,
            reason=reason,
            result=value,
            transport=run.seams.transport,
            clock=run.seams.clock,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="URL") from error

    def draw(console: Console) -> None:
        console.print(f"{reply.status}: the action {reply.action_id} of timer {reply.timer_id} is {reply.state}")

    run.show(reply.wire(), draw)
