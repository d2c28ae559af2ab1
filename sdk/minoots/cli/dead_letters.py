"""``minoots dead-letters``: actions that exhausted their attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from minoots.cli.invocation import Invocation, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.sharing import sharing
from minoots.cli.values import instant, pairs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots.client import Client
    from minoots.client.dead_letters import Worked
    from minoots_contract.dead_letters import DeadLetterReply


__all__ = ["dead_letters"]

dead_letters = typer.Typer(
    name="dead-letters", no_args_is_help=True, help="Actions that exhausted their attempts, with their story."
)

LetterId = Annotated[str, typer.Argument(metavar="ID", help="The dead letter's id.", show_default=False)]
MaybeLetterId = Annotated[str | None, typer.Argument(metavar="[ID]", help="One of them.", show_default=False)]
Reason = Annotated[str | None, typer.Option(help="One line for people; the timer's timeline keeps it.")]
Everything = Annotated[bool, typer.Option("--all", help="Every one that the filters match, or every one.")]

FILTERS: Final[dict[str, tuple[Any, str]]] = {
    "host": (typer.Option(help="Host that they were to go to, with a port if it is named."), "host"),
    "url_prefix": (typer.Option("--url-prefix", help="How the URL begins that they were to go to."), "url"),
    "destination": (typer.Option(help="Destination that their webhooks or bindings name."), "destination"),
    "kind": (typer.Option(help="webhook, agent_prompt, command or workflow_event."), "kind"),
    "because": (typer.Option("--because", metavar="TEXT", help="What their reason contains."), "reason_contains"),
    "timer": (typer.Option("--timer", metavar="ID", help="Their timer."), "timer_id"),
    "died_after": (typer.Option(callback=instant, metavar="INSTANT", help="They died then or later."), "died_after"),
    "died_before": (typer.Option(callback=instant, metavar="INSTANT", help="They died before."), "died_before"),
}
"""The options that filter, each with the client's word for it."""

_LABELS: Final = typer.Option("--label", metavar="NAME=VALUE", help="Label of their timers; may be repeated.")


def _which(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filters in the client's words."""
    labels = pairs(given.pop("label"), "=", "--label")
    return {FILTERS[name][1]: value for name, value in given.items()} | {"labels": labels}


_filtered = sharing(
    {name: Annotated[str | None, option] for name, (option, _) in FILTERS.items()}
    | {"label": Annotated[list[str] | None, _LABELS]},
    _which,
)


@dead_letters.callback()
def _group() -> None:
    """Actions that exhausted their attempts, with their story."""


@dead_letters.command("list")
@_filtered
def list_(
    ctx: typer.Context,
    which: dict[str, Any],
    limit: Limit = 20,
    every: Every = False,
    as_json: JsonFlag = False,
) -> None:
    """List dead letters, those of the newest timers first."""
    run = invocation(ctx, as_json)

    def fetch(client: Client, size: int) -> Iterator[DeadLetterReply]:
        return client.dead_letters.list(page_size=size, **which)

    def draw(shown: Sequence[DeadLetterReply]) -> RenderableType:
        from minoots.cli.tables import dead_letter_table

        return dead_letter_table(shown, now_ms=run.seams.clock.now_ms())

    show_listing(run, "deadLetters", fetch, draw, limit=limit, every=every)


@dead_letters.command()
def show(ctx: typer.Context, letter_id: LetterId, as_json: JsonFlag = False) -> None:
    """Show a dead letter with its request and every attempt."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        letter = client.dead_letters.get(letter_id)
    _show(run, letter)


@dead_letters.command()
@_filtered
def redrive(
    ctx: typer.Context,
    which: dict[str, Any],
    letter_id: MaybeLetterId = None,
    every: Everything = False,
    reason: Reason = None,
    as_json: JsonFlag = False,
) -> None:
    """Let deliveries be tried again: one by its ID, or with --all every one that the filters match."""
    _check_meant(letter_id, every, which)
    run = invocation(ctx, as_json)
    with run.client() as client:
        if letter_id is not None:
            letter = client.dead_letters.redrive(letter_id, reason=reason)
            return _show(run, letter)
        worked = client.dead_letters.redrive_all(reason=reason, told=_progress(run, "redriven"), **which)
    _show_worked(run, "redriven", worked)
    return None


@dead_letters.command()
@_filtered
def discard(
    ctx: typer.Context,
    which: dict[str, Any],
    letter_id: MaybeLetterId = None,
    every: Everything = False,
    reason: Reason = None,
    as_json: JsonFlag = False,
) -> None:
    """Let deliveries be: one by its ID, or with --all every one that the filters match. They cannot be brought back."""
    _check_meant(letter_id, every, which)
    run = invocation(ctx, as_json)
    with run.client() as client:
        if letter_id is None:
            worked = client.dead_letters.discard_all(reason=reason, told=_progress(run, "discarded"), **which)
            return _show_worked(run, "discarded", worked)
        client.dead_letters.discard(letter_id, reason=reason)
    run.show({"id": letter_id, "state": "discarded"}, lambda console: console.print(f"Discarded {letter_id}."))
    return None


def _check_meant(letter_id: str | None, every: bool, which: dict[str, Any]) -> None:
    """Refuse what may be meant in two ways; nothing is done to many by a forgotten word.

    Raises:
        typer.BadParameter: If it is not said whether one is meant, or many.
    """
    if letter_id is not None and (every or which):
        raise typer.BadParameter("give an ID, or --all with filters, not both", param_hint="ID")
    if letter_id is None and not every:
        raise typer.BadParameter("give an ID, or --all for every one that the filters match", param_hint="ID")


def _progress(run: Invocation, verb: str) -> Callable[[Worked], None]:
    def told(worked: Worked) -> None:
        if not run.as_json and worked.calls % 10 == 0:
            typer.echo(f"{worked.done} {verb} so far …", err=True)

    return told


def _show(run: Invocation, letter: DeadLetterReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.tables import dead_letter_details

        console.print(dead_letter_details(letter, now_ms=run.seams.clock.now_ms()))

    run.show(letter.wire(), draw)


def _show_worked(run: Invocation, verb: str, worked: Worked) -> None:
    document = {
        verb: worked.done,
        "skipped": worked.skipped,
        "refused": [letter.wire() for letter in worked.refused],
        "calls": worked.calls,
    }

    def draw(console: Console) -> None:
        from minoots.cli.tables import worked_lines

        for line in worked_lines(verb, worked):
            console.print(line)

    run.show(document, draw)
