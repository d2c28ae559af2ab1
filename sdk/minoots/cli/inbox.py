"""``minoots inbox``: what waits for an agent, and working on it."""

from __future__ import annotations

import json
from shutil import which
from typing import TYPE_CHECKING, Annotated, Final

import typer

from minoots.cli.invocation import Invocation, JsonFlag, invocation
from minoots.cli.values import seconds

if TYPE_CHECKING:
    from rich.console import Console

    from minoots_contract.inbox import InboxMessageReply, ReceiptReply

__all__ = ["inbox"]

inbox = typer.Typer(name="inbox", no_args_is_help=True, help="What waits for an agent that is not called, but asks.")

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.", show_default=False)]
Receipt = Annotated[str, typer.Argument(metavar="RECEIPT", help="As `next` shows it.", show_default=False)]
Lease = Annotated[str, typer.Option(metavar="DURATION", help="How long a message is yours before it comes back.")]

_MINUTE: Final = "60s"


@inbox.command("next")
def next_(
    ctx: typer.Context,
    agent: Agent,
    wait: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the first, at most 20s.")] = "0s",
    most: Annotated[int, typer.Option("--max", min=1, max=10, help="At most this many.")] = 1,
    lease: Lease = _MINUTE,
    as_json: JsonFlag = False,
) -> None:
    """Take the next messages into your hands; `ack` takes one out for good."""
    run = invocation(ctx, as_json)
    # The duration grammar has no zero, which is what not to wait is.
    wait_s, lease_s = 0 if wait in {"0", "0s"} else seconds(wait, "--wait"), seconds(lease, "--lease")
    with run.client() as client:
        found = client.inbox(agent).fetch(wait_s=wait_s, limit=most, lease_s=lease_s)

    def draw(console: Console) -> None:
        for message in found:
            _draw(run, console, message)
        if not found:
            console.print("No messages.")

    run.show({"messages": [message.wire() for message in found]}, draw)


@inbox.command()
def ack(ctx: typer.Context, agent: Agent, receipt: Receipt, as_json: JsonFlag = False) -> None:
    """Take a message out for good: the work is done."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        _told(run, client.inbox(agent).ack(receipt))


@inbox.command()
def nack(
    ctx: typer.Context,
    agent: Agent,
    receipt: Receipt,
    delay: Annotated[str | None, typer.Option(metavar="DURATION", help="When it can be had again; at once.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a message back."""
    run = invocation(ctx, as_json)
    delay_s = 0 if delay is None else seconds(delay, "--delay")
    with run.client() as client:
        _told(run, client.inbox(agent).nack(receipt, delay_s=delay_s))


@inbox.command()
def extend(
    ctx: typer.Context, agent: Agent, receipt: Receipt, lease: Lease = _MINUTE, as_json: JsonFlag = False
) -> None:
    """Keep a message for longer, from now."""
    run = invocation(ctx, as_json)
    lease_s = seconds(lease, "--lease")
    with run.client() as client:
        _told(run, client.inbox(agent).extend(receipt, lease_s=lease_s))


@inbox.command()
def listen(
    ctx: typer.Context,
    agent: Agent,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND", help="Run for each message, which it reads as JSON from stdin."),
    ] = None,
    lease: Lease = _MINUTE,
    as_json: JsonFlag = False,
) -> None:
    """Take messages as they come, one at a time, until Ctrl-C.

    With a COMMAND each is taken out when that ends well, and given back when it fails; while it runs the message is
    kept. Without one, messages are shown and come back when their lease runs out, unless they are taken out by `ack`.
    """
    run = invocation(ctx, as_json)
    lease_s = seconds(lease, "--lease")
    if command and which(command[0]) is None:
        raise typer.BadParameter(f"'{command[0]}' is no program that can be run", param_hint="COMMAND")
    with run.client() as client:
        from minoots.cli.listening import Worker, listen_to  # not at the top: it loads the client

        box, clock = client.inbox(agent), run.seams.clock
        work = Worker(box, command, lease_s, _aside).work if command else lambda message: _shown(run, message)
        try:
            listen_to(box, clock, work, _aside, lease_s=lease_s)
        except KeyboardInterrupt:
            return  # that is how it ends


def _shown(run: Invocation, message: InboxMessageReply) -> None:
    if run.as_json:
        typer.echo(json.dumps(message.wire(), separators=(",", ":"), ensure_ascii=False))
    else:
        _draw(run, run.console(), message)


def _draw(run: Invocation, console: Console, message: InboxMessageReply) -> None:
    from minoots.cli.agent_tables import message_details

    console.print(message_details(message, now_ms=run.seams.clock.now_ms()))


def _told(run: Invocation, became: ReceiptReply) -> None:
    def draw(console: Console) -> None:
        from minoots.cli.words import due

        until = "" if became.until is None else f", until {due(became.until, run.seams.clock.now_ms())}"
        console.print(f"{became.state}{until}")

    run.show(became.wire(), draw)


def _aside(trouble: str | None) -> None:
    """Tell what is the matter beside what is written for whoever reads it."""
    if trouble:
        typer.echo(trouble, err=True)
