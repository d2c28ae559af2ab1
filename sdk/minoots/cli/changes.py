"""The commands of ``minoots timers`` that change a timer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from minoots.cli.invocation import JsonFlag, invocation
from minoots.cli.showing import TimerId, show_timer
from minoots.cli.values import duration, instant, json_object, late_policy, pairs

__all__ = ["LateOption", "add_changes"]

Reason = Annotated[str | None, typer.Option(help="One line for people; the timeline keeps it.")]
Version = Annotated[
    int | None, typer.Option("--if-version", min=1, help="Change nothing unless the timer's stateVersion is this.")
]
LateOption = Annotated[
    str | None, typer.Option("--late", metavar="POLICY", help="When it is late: fire, skip:60s or deadLetter:5m.")
]


def add_changes(timers: typer.Typer) -> None:
    """Add a command for each change of mind."""
    for command in (cancel, extend, reschedule, snooze, pause, resume, fire, update, heartbeat):
        timers.command()(command)


def cancel(
    ctx: typer.Context, timer_id: TimerId, reason: Reason = None, if_version: Version = None, as_json: JsonFlag = False
) -> None:
    """Cancel a timer that has not fired; cancelling twice does no harm."""
    _change(ctx, as_json, "cancel", timer_id, reason=reason, state_version=if_version)


def extend(
    ctx: typer.Context,
    timer_id: TimerId,
    by: Annotated[str, typer.Option(callback=duration, metavar="DURATION", help="How far: 30s, 1h30m, 2w, PT1H30M.")],
    reason: Reason = None,
    if_version: Version = None,
    as_json: JsonFlag = False,
) -> None:
    """Move the due time away."""
    _change(ctx, as_json, "extend", timer_id, by=by, reason=reason, state_version=if_version)


def reschedule(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    timer_id: TimerId,
    in_: Annotated[str | None, typer.Option("--in", callback=duration, metavar="DURATION", help="From now.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", callback=instant, metavar="INSTANT", help="Or at an instant.")
    ] = None,
    late: LateOption = None,
    reason: Reason = None,
    if_version: Version = None,
    as_json: JsonFlag = False,
) -> None:
    """Set another due time, --in a duration or --at an instant."""
    if (in_ is None) == (at is None):
        raise typer.BadParameter("give one of the two", param_hint="--in or --at")
    when = {"duration": in_, "fire_at": at, "late_policy": late_policy(late, "--late")}
    _change(ctx, as_json, "reschedule", timer_id, **when, reason=reason, state_version=if_version)


def snooze(
    ctx: typer.Context,
    timer_id: TimerId,
    for_: Annotated[str, typer.Option("--for", callback=duration, metavar="DURATION", help="How long from now.")],
    reason: Reason = None,
    if_version: Version = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a timer fire no sooner than so long from now, and no sooner than it would have."""
    _change(ctx, as_json, "snooze", timer_id, duration=for_, reason=reason, state_version=if_version)


def pause(
    ctx: typer.Context, timer_id: TimerId, reason: Reason = None, if_version: Version = None, as_json: JsonFlag = False
) -> None:
    """Stop a timer's time; it keeps what it has left."""
    _change(ctx, as_json, "pause", timer_id, reason=reason, state_version=if_version)


def resume(
    ctx: typer.Context,
    timer_id: TimerId,
    keep_due_time: Annotated[
        bool, typer.Option("--keep-due-time", help="Be due when it would have been, not when what it had left is over.")
    ] = False,
    reason: Reason = None,
    if_version: Version = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a paused timer's time run on."""
    keep = "dueTime" if keep_due_time else None
    _change(ctx, as_json, "resume", timer_id, keep=keep, reason=reason, state_version=if_version)


def fire(
    ctx: typer.Context, timer_id: TimerId, reason: Reason = None, if_version: Version = None, as_json: JsonFlag = False
) -> None:
    """Fire a timer now."""
    _change(ctx, as_json, "fire", timer_id, reason=reason, state_version=if_version)


def update(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    ctx: typer.Context,
    timer_id: TimerId,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A label; may be repeated.")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A label to take away.")] = None,
    metadata: Annotated[
        str | None, typer.Option(metavar="JSON", help="Merged into what is there; null takes a value away.")
    ] = None,
    if_version: Version = None,
    as_json: JsonFlag = False,
) -> None:
    """Change a timer's name, labels or metadata, and nothing of its time."""
    labels = {**(pairs(label, "=", "--label") or {}), **dict.fromkeys(without or ())}
    about = json_object(metadata, "--metadata")
    if name is None and not labels and about is None:
        raise typer.BadParameter("give one of them", param_hint="--name, --label, --without or --metadata")
    changed = {"name": name, "labels": labels or None, "metadata": about}
    _change(ctx, as_json, "update", timer_id, **changed, state_version=if_version)


def heartbeat(ctx: typer.Context, timer_id: TimerId, as_json: JsonFlag = False) -> None:
    """Push a heartbeat timer out by its whole duration."""
    _change(ctx, as_json, "heartbeat", timer_id)


def _change(ctx: typer.Context, as_json: bool, verb: str, timer_id: str, **wanted: Any) -> None:
    run = invocation(ctx, as_json)
    with run.client() as client:
        timer = getattr(client.timers, verb)(timer_id, **wanted)
    show_timer(run, timer)
