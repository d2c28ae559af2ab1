"""Rich drawings of replies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.text import Text

from minoots.cli.drawing import facts, headed, instant, table, text
from minoots.cli.words import countdown, due, lateness, note, printable, span
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots.client.dead_letters import Worked
    from minoots_contract.dead_letters import DeadLetterReply
    from minoots_contract.settings import SettingsReply
    from minoots_contract.timers import ActionReply, AttemptReply, TimelineEntry, TimerReply

__all__ = [
    "board",
    "dead_letter_details",
    "dead_letter_table",
    "settings_details",
    "timer_details",
    "timer_table",
    "worked_lines",
]

_STYLES: Final = {
    "scheduled": "cyan",
    "armed": "blue",
    "paused": "magenta",
    "fired": "yellow",
    "settled": "green",
    "failed": "bold red",
    "cancelled": "dim",
}
# So that the columns beside it stand still while it runs.
_COUNTDOWN_WIDTH: Final = 14
_MAX_REFUSED: Final = 20


def timer_table(timers: Sequence[TimerReply], *, now_ms: int) -> RenderableType:
    """Draw a listing of timers, or say that there are none."""
    rows = ((one.id, one.name, _status(one), due(one.fire_at, now_ms), note(one)) for one in timers)
    return table("No timers.", ("ID", "NAME", "STATUS", "DUE", "NOTE"), rows, ids=True)


def board(timers: Sequence[TimerReply], *, now_ms: int, caption: str | None = None) -> RenderableType:
    """Draw the timers that are watched, with running countdowns; the caption says what is the matter, if anything."""
    drawn = headed("ID", "NAME", "STATUS", "COUNTDOWN", "NOTE", ids=True)
    for one in timers:
        drawn.add_row(
            one.id, text(one.name), _status(one), countdown(one, now_ms).ljust(_COUNTDOWN_WIDTH), text(note(one))
        )
    below = Text(caption or ("" if timers else "Nothing to watch yet. Ctrl-C ends."), style="dim")
    return Group(drawn, below) if below else drawn


def timer_details(timer: TimerReply, *, now_ms: int) -> RenderableType:
    """Draw all there is to know about one timer."""
    about = facts(
        [
            ("id", timer.id),
            ("name", timer.name),
            ("status", _status(timer)),
            ("due", instant(timer.fire_at, now_ms)),
            ("paused", _paused(timer, now_ms)),
            ("fired", _fired(timer, now_ms)),
            ("heartbeat", _heartbeat(timer)),
            ("if late", _late_policy(timer)),
            ("outcome", timer.outcome or ""),
            ("why", timer.failure_reason or timer.cancel_reason or ""),
            ("created", f"{format_instant(timer.created_at)} by {timer.requested_by}"),
            ("labels", " ".join(f"{key}={value}" for key, value in timer.labels.items())),
            ("metadata", json.dumps(timer.metadata, ensure_ascii=False) if timer.metadata else ""),
            *(("webhook", target) for target in _targets(timer)),
        ]
    )
    parts: list[RenderableType] = [about]
    if timer.actions:
        parts += ["", _actions(timer.actions, now_ms)]
    if timer.timeline:
        parts += ["", facts([(entry.event, _told(entry)) for entry in timer.timeline])]
    return Group(*parts)


def settings_details(settings: SettingsReply) -> RenderableType:
    """Draw a tenant's settings."""
    policy = settings.retry_policy
    limit = "none" if policy.total_time_limit_ms is None else span(policy.total_time_limit_ms)
    delays = (
        f"{span(policy.backoff_initial_ms)}, times {policy.backoff_multiplier:g}, at most {span(policy.backoff_max_ms)}"
    )
    return facts(
        [
            ("version", str(settings.version)),
            ("attempts", str(policy.max_attempts)),
            ("delays", f"{delays}, {policy.jitter} jitter"),
            ("time limit", limit),
            ("tried again", ", ".join(policy.retry_on) or "nothing"),
        ]
    )


def dead_letter_table(letters: Sequence[DeadLetterReply], *, now_ms: int) -> RenderableType:
    """Draw a listing of dead letters, or say that there are none."""
    rows = ((one.id, _target(one), str(len(one.attempts)), due(one.dead_at, now_ms), one.reason) for one in letters)
    return table("No dead letters.", ("ID", "TARGET", "TRIES", "GAVE UP", "REASON"), rows, ids=True)


def dead_letter_details(letter: DeadLetterReply, *, now_ms: int) -> RenderableType:
    """Draw all there is to know about one dead letter."""
    about = facts(
        [
            ("id", letter.id),
            ("timer", letter.timer_id),
            ("action", f"{letter.action_id} ({letter.kind})"),
            ("target", _target(letter)),
            ("state", Text(letter.state, style="bold red" if letter.state == "dead" else "yellow")),
            ("died", instant(letter.dead_at, now_ms)),
            ("redriven", instant(letter.redriven_at, now_ms)),
            ("reason", letter.reason),
            ("labels", " ".join(f"{key}={value}" for key, value in letter.labels.items())),
            ("request", json.dumps(letter.request, ensure_ascii=False)),
        ]
    )
    if not letter.attempts:
        return Group(about, "", Text("It never ran: its timer was too late."))
    rows = ((str(one.attempt), _attempt(one, now_ms), one.response_excerpt or "") for one in letter.attempts)
    attempts = table("", ("ATTEMPT", "OUTCOME", "ITS ANSWER BEGAN"), rows)
    return Group(about, "", attempts)


def worked_lines(verb: str, worked: Worked) -> Iterator[Text]:
    """Say what became of many dead letters."""
    skipped = f", {worked.skipped} skipped, for that had been done before" if worked.skipped else ""
    yield Text(f"{worked.done} {verb}{skipped}.")
    for letter in worked.refused[:_MAX_REFUSED]:
        yield Text(f"{letter.id} was left alone: {printable(letter.reason)}", style="yellow")
    left_out = len(worked.refused) - _MAX_REFUSED
    if left_out > 0:
        yield Text(f"{left_out} more were left alone.", style="yellow")


def _target(letter: DeadLetterReply) -> str:
    binding = letter.request.get("binding")
    agent = (binding.get("target") or binding.get("destination")) if isinstance(binding, dict) else None
    where = next((letter.request[name] for name in ("url", "arn", "destination") if letter.request.get(name)), agent)
    return f"{letter.request.get('method', '')} {where or letter.kind}".strip()


def _actions(actions: Sequence[ActionReply], now_ms: int) -> RenderableType:
    headings = ("DELIVERY", "ACTION", "STATE", "TRIES", "LAST")
    return table("", headings, (_action_row(one, now_ms) for one in actions), ids=True)


def _action_row(action: ActionReply, now_ms: int) -> Sequence[str]:
    last = _attempt(action.attempts[-1], now_ms) if action.attempts else ""
    if action.next_attempt_at is not None:
        last = ", ".join([*([last] if last else []), f"next {due(action.next_attempt_at, now_ms)}"])
    if action.put_off is not None:
        last = f"{last}; put off: {action.put_off.reason}"
    last = "; ".join(part for part in (last, action.given_up) if part)
    return action.delivery_id, action.id, action.state, str(len(action.attempts)), last


def _attempt(attempt: AttemptReply, now_ms: int) -> str:
    answer = f"HTTP {attempt.status_code}" if attempt.status_code is not None else ""
    took = f"{attempt.ended_at - attempt.started_at} ms"
    said = " ".join(part for part in (attempt.outcome, answer, attempt.error or "") if part)
    return f"{said} after {took}, {due(attempt.ended_at, now_ms)}"


def _targets(timer: TimerReply) -> Iterator[str]:
    for action in timer.action_bundle.actions if timer.action_bundle else ():
        yield f"{action.id}: {action.parameters.get('method', 'POST')} {action.parameters.get('url', '')}"


def _fired(timer: TimerReply, now_ms: int) -> str:
    if timer.fired_at is None:
        return ""
    late = "" if timer.lateness_ms is None else f", {lateness(timer.lateness_ms)}"
    return f"{instant(timer.fired_at, now_ms)}{late}"


def _paused(timer: TimerReply, now_ms: int) -> str:
    if timer.paused_at is None:
        return ""
    return f"{instant(timer.paused_at, now_ms)}, {span(timer.remaining_ms or 0)} left"


def _heartbeat(timer: TimerReply) -> str:
    if timer.heartbeat is None:
        return ""
    return f"within {span(timer.heartbeat.timeout_ms)}, {timer.heartbeat.beats} so far"


def _late_policy(timer: TimerReply) -> str:
    policy = timer.late_policy
    if policy is None or policy.after_ms is None:
        return ""
    return f"by more than {span(policy.after_ms)}: {policy.mode}"


def _told(entry: TimelineEntry) -> str:
    by = f" by {entry.by}" if entry.by else ""
    return format_instant(entry.at) + by + (f": {entry.note}" if entry.note else "")


def _status(timer: TimerReply) -> Text:
    return Text(timer.status, style=_STYLES.get(timer.status, ""))
