"""``minoots timers``: create, read and watch; what changes them is in `minoots.cli.changes`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minoots.cli.changes import LateOption, add_changes
from minoots.cli.failures import EXIT_INTERRUPTED, EXIT_REFUSED
from minoots.cli.invocation import Invocation, JsonFlag, invocation
from minoots.cli.listing import Every, Limit, show_listing
from minoots.cli.showing import TimerId, show_timer
from minoots.cli.values import duration, instant, json_object, json_value, late_policy, new_timer, pairs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from minoots.cli.watching import Watched
    from minoots.client import Client
    from minoots_contract.timers import TimerReply


__all__ = ["Status", "timers"]

timers = typer.Typer(name="timers", no_args_is_help=True, help="Create, read, change and watch timers.")
add_changes(timers)


class Status(StrEnum):
    """The contract's statuses, here again because the contract's own load Pydantic (a test holds them equal)."""

    SCHEDULED = "scheduled"
    ARMED = "armed"
    PAUSED = "paused"
    FIRED = "fired"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELLED = "cancelled"


@timers.command()
def create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="One line for people.", show_default=False)],
    in_: Annotated[
        str | None,
        typer.Option("--in", callback=duration, metavar="DURATION", help="From now: 30s, 1h30m, 2w, PT1H30M."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", callback=instant, metavar="INSTANT", help="Or at an instant: 2026-12-01T09:00:00Z."),
    ] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Call this URL when it fires.")] = None,
    method: Annotated[str | None, typer.Option(help="The webhook's method; POST without it.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="A header for the webhook; may be repeated.")
    ] = None,
    body: Annotated[
        str | None, typer.Option(metavar="JSON", help="The webhook's body, instead of the timer's own envelope.")
    ] = None,
    max_attempts: Annotated[
        int | None, typer.Option(min=1, help="Tries of the webhook altogether; one without it.")
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="A whole action bundle, instead of --webhook.", show_default=False),
    ] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A label; may be repeated.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="A JSON object to keep with the timer.")] = None,
    late: LateOption = None,
    heartbeat: Annotated[
        bool, typer.Option("--heartbeat", help="Fire when no heartbeat was heard for the duration.")
    ] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", metavar="KEY", help="Run again with the same key, it is created once."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a timer, due --in a duration or --at an instant."""
    if (in_ is None) == (at is None):
        raise typer.BadParameter("give one of the two", param_hint="--in or --at")
    if bundle is not None and webhook is not None:
        raise typer.BadParameter("give one of the two", param_hint="--webhook or --bundle")
    one = _bundle(webhook, method=method, headers=header, body=body, max_attempts=max_attempts)
    actions = json_object(bundle, "--bundle") or one
    about = json_object(metadata, "--metadata")
    labels = pairs(label, "=", "--label")
    run = invocation(ctx, as_json)
    with run.client() as client:
        timer = client.timers.create(
            name,
            duration=in_,
            fire_at=at,
            action_bundle=actions,
            metadata=about,
            labels=labels,
            late_policy=late_policy(late, "--late"),
            heartbeat=heartbeat,
            idempotency_key=idempotency_key,
        )
    show_timer(run, timer)


@timers.command("create-many")
def create_many(
    ctx: typer.Context,
    file: Annotated[
        typer.FileText, typer.Argument(metavar="FILE", help="A timer in each line, as JSON; - reads standard input.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Create the timers of a file of JSON lines, each as the body of POST /timers; what fails is told line by line."""
    wanted = [new_timer(line, number) for number, line in enumerate(file, 1) if line.strip()]
    run = invocation(ctx, as_json)
    with run.client() as client:
        results = client.timers.create_many(wanted)
    failed = [one for one in results if one.timer is None]
    document = {"created": len(results) - len(failed), "results": [one.wire() for one in results]}

    def draw(console: Console) -> None:
        from minoots.cli.words import printable

        for one in failed:
            why = one.problem.detail if one.problem else str(one.status)
            console.print(f"timer {one.index + 1}: {printable(why)}", markup=False)
        console.print(f"{document['created']} of {len(results)} timers created")

    run.show(document, draw)
    if failed:
        raise typer.Exit(EXIT_REFUSED)


@timers.command()
def get(ctx: typer.Context, timer_id: TimerId, as_json: JsonFlag = False) -> None:
    """Show one timer with its actions and its story."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        timer = client.timers.get(timer_id)
    show_timer(run, timer)


@timers.command("list")
def list_(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    status: Annotated[list[Status] | None, typer.Option(help="Only timers in this status; may be repeated.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="TEST", help="Only timers whose labels are so: env=prod, env!=prod, env, '!env'."),
    ] = None,
    due_after: Annotated[
        str | None, typer.Option(callback=instant, metavar="INSTANT", help="Only timers due then or later.")
    ] = None,
    due_before: Annotated[
        str | None, typer.Option(callback=instant, metavar="INSTANT", help="Only timers due before then.")
    ] = None,
    name_prefix: Annotated[str | None, typer.Option(help="Only timers whose name begins so.")] = None,
    created_by: Annotated[str | None, typer.Option(help="Only timers that this one asked for.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="The oldest first, not the newest.")] = False,
    limit: Limit = 20,
    every: Every = False,
    as_json: JsonFlag = False,
) -> None:
    """List timers, newest first."""
    run = invocation(ctx, as_json)

    def fetch(client: Client, size: int) -> Iterator[TimerReply]:
        return client.timers.list(
            status=[one.value for one in status] if status else None,
            labels=",".join(label) if label else None,
            due_after=due_after,
            due_before=due_before,
            name_prefix=name_prefix,
            created_by=created_by,
            oldest_first=oldest_first,
            page_size=size,
        )

    def draw(shown: Sequence[TimerReply]) -> RenderableType:
        from minoots.cli.tables import timer_table

        return timer_table(shown, now_ms=run.seams.clock.now_ms())

    show_listing(run, "timers", fetch, draw, limit=limit, every=every)


@timers.command()
def watch(
    ctx: typer.Context,
    timer_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which; all active ones without.", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count timers down until all those named have ended; without ids, watch the active ones until Ctrl-C."""
    run = invocation(ctx, as_json)
    with run.client() as client:
        from minoots.cli.watching import ActiveTimers, NamedTimers  # not at the top: it loads the client

        clock = run.seams.clock
        watched = NamedTimers(client, clock, timer_ids) if timer_ids else ActiveTimers(client, clock)
        interrupted = _follow(run, watched)
    if run.as_json:
        run.show({"timers": [timer.wire() for timer in watched.timers]}, lambda console: None)
    # Ctrl-C is how a watch over everything ends; a watch over named timers was cut short by it.
    if interrupted and timer_ids:
        raise typer.Exit(EXIT_INTERRUPTED)


def _follow(run: Invocation, watched: Watched) -> bool:
    try:
        if run.as_json:
            from minoots.cli.watching import follow

            follow(watched, run.seams.clock, lambda trouble: None)
        else:
            from minoots.cli.live import follow_on

            follow_on(run.console(), watched, run.seams.clock)
    except KeyboardInterrupt:
        return True
    return False


def _bundle(
    url: str | None, *, method: str | None, headers: list[str] | None, body: str | None, max_attempts: int | None
) -> dict[str, Any] | None:
    given = {"--method": method, "--header": headers, "--body": body, "--max-attempts": max_attempts}
    if url is None:
        alone = [option for option, value in given.items() if value]
        if alone:
            raise typer.BadParameter("this needs --webhook URL", param_hint=" ".join(alone))
        return None
    parameters = {
        "url": url,
        "method": method and method.upper(),
        "headers": pairs(headers, ":", "--header"),
        "body": json_value(body, "--body"),
    }
    present = {name: value for name, value in parameters.items() if value is not None}
    bundle: dict[str, Any] = {"actions": [{"id": "webhook", "kind": "webhook", "parameters": present}]}
    if max_attempts is not None:
        bundle["retryPolicy"] = {"maxAttempts": max_attempts}
    return bundle
