"""What a caller was told about a change of a timer, and whether it is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from minoots_contract.instants import parse_instant
from tests.support.receiver import Arrival

Verb = Literal["extend", "reschedule", "snooze", "pause", "resume", "fire", "cancel"]

# The clock of caller and stack is one; what it shows is cut to milliseconds.
_SLACK_MS = 2
_NEVER_REACHED = 1_000
_PENDING = {"scheduled", "armed"}
_UNFIRED = _PENDING | {"paused", "cancelled"}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of mind, and when it is asked for.

    Attributes:
        at_s: Seconds after the drill began.
        ms: Milliseconds by which, or after which; of no meaning for some.
        keep: What a resume keeps.
        guard: The version that the caller names: the one it knows, one that is over, or none.
    """

    verb: Verb
    at_s: float
    ms: int = 0
    keep: Literal["remaining", "dueTime"] = "remaining"
    guard: Literal["known", "stale", "none"] = "none"

    def body(self, known: dict[str, Any]) -> dict[str, Any]:
        """The request's body, by the timer as the caller knows it."""
        body: dict[str, Any] = {"requestedBy": "drill"}
        if self.verb == "extend":
            body["by"] = self.ms
        if self.verb in {"reschedule", "snooze"}:
            body["duration"] = self.ms
        if self.verb == "resume":
            body["keep"] = self.keep
        if self.guard != "none":
            # One that the timer had, or that it will never reach here.
            stale = known["stateVersion"] - 1 or _NEVER_REACHED
            body["stateVersion"] = stale if self.guard == "stale" else known["stateVersion"]
        return body


@dataclass(frozen=True, slots=True)
class Told:
    """One change, and what came of it.

    Attributes:
        before: The timer as the caller knew it.
        status: Of the answer; none if there was none.
        after: The timer as the answer showed it, or as it was read next when the answer did not show it.
        sent_ms: When it was asked for, epoch milliseconds; `heard_ms` when the caller knew.
    """

    change: Change
    before: dict[str, Any]
    status: int | None
    after: dict[str, Any]
    sent_ms: float
    heard_ms: float


@dataclass(slots=True)
class Life:
    """A timer as one caller knew it, from its create to its end."""

    created: dict[str, Any]
    told: list[Told] = field(default_factory=list)

    @property
    def known(self) -> dict[str, Any]:
        """The timer as the caller knows it now."""
        return self.told[-1].after if self.told else self.created


def disagreements(life: Life, final: dict[str, Any] | None, arrivals: list[Arrival]) -> Iterator[str]:
    """Everything that a caller was told about a timer and that is not so."""
    name = life.created["name"]
    if final is None:
        yield f"{name} was answered 201 and is not there"
        return
    for told in life.told:
        for wrong in _answer(told):
            yield f"{name}: {told.change}: {wrong}; before {_short(told.before)}, after {_short(told.after)}"
    for wrong in _end(life, final, arrivals):
        yield f"{name}: {wrong}; told {_short(life.known)}, is {_short(final)}"


def _short(timer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in timer.items() if key not in {"actionBundle", "metadata", "labels", "tenantId"}}


def _answer(told: Told) -> Iterator[str]:
    if told.status == 200:
        if not _is_done(told):
            yield "the answer does not show what was asked for"
    elif told.status is None:
        if not (_is_done(told) or _same(told.before, told.after)):
            yield "unanswered, it is neither done nor not done"
    elif not _same(told.before, told.after):
        yield f"answered {told.status}, and yet the timer changed"
    else:
        yield from _refusal(told)


def _refusal(told: Told) -> Iterator[str]:
    if told.status not in {409, 412}:
        yield f"answered {told.status}"
    if told.status == 409 and not (_has_fired(told.after) or _is_conflict(told)):
        yield "a conflict, and nothing that it conflicts with"
    if told.status == 412 and not _is_mismatch(told):
        yield "a mismatch, and the version is the one that was named"


def _is_conflict(told: Told) -> bool:
    status = told.before["status"]
    return status == "cancelled" or (told.change.verb == "resume" and status != "paused")


def _is_mismatch(told: Told) -> bool:
    return told.change.guard == "stale" or told.after["stateVersion"] != told.before["stateVersion"]


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a timer is as it was, but for what it does by itself: being armed, firing, ending."""
    if before["fireAt"] != after["fireAt"]:
        return False
    if before["status"] in _PENDING:
        return after["status"] in _PENDING or _has_fired(after)
    return before["status"] == after["status"] or _has_fired(before)


def _is_done(told: Told) -> bool:
    """Whether the timer shows what the change makes of it."""
    change, before, after = told.change, told.before, told.after
    if change.verb == "cancel":
        return bool(after["status"] == "cancelled")
    if change.verb == "pause":
        return after["status"] == "paused" and (before["status"] == "paused" or _is_left(told))
    if change.verb == "fire":
        # Fired, or due, before it was asked to, it keeps its time.
        over = _has_fired(after) or parse_instant(before["fireAt"]) <= told.heard_ms
        return (over and before["fireAt"] == after["fireAt"]) or _is_due(told, 0, None)
    if change.verb == "resume" and before["status"] != "paused":
        return False
    if before["status"] == "paused" and change.verb != "resume":
        added_ms = after["remainingMs"] - before["remainingMs"] if after["status"] == "paused" else -1
        return added_ms == change.ms if change.verb == "extend" else after["status"] == "paused"
    return after["status"] in _PENDING | {"fired", "settled"} and _is_due(told, *_asked(told))


def _asked(told: Told) -> tuple[int, int | None]:
    """When the timer is to be due: so long after the answer's moment, and not before an instant; or just an instant."""
    change, due_ms = told.change, parse_instant(told.before["fireAt"])
    if change.verb == "extend":
        return -1, due_ms + change.ms
    if change.verb == "snooze":
        return change.ms, due_ms
    if change.verb == "resume" and change.keep == "dueTime":
        return 0, due_ms
    if change.verb == "resume":
        return told.before["remainingMs"], None
    return change.ms, None


def _is_due(told: Told, after_ms: int, not_before_ms: int | None) -> bool:
    due_ms = parse_instant(told.after["fireAt"])
    if after_ms < 0:
        return due_ms == not_before_ms
    earliest = max(told.sent_ms + after_ms - _SLACK_MS, not_before_ms or 0)
    latest = max(told.heard_ms + after_ms + _SLACK_MS, not_before_ms or 0)
    # Resumed with its old due time it keeps it, even when that has passed.
    return earliest <= due_ms <= latest or (told.change.verb == "resume" and due_ms == not_before_ms)


def _is_left(told: Told) -> bool:
    due_ms, left_ms = parse_instant(told.before["fireAt"]), told.after["remainingMs"]
    return max(0, due_ms - told.heard_ms) - _SLACK_MS <= left_ms <= max(0, due_ms - told.sent_ms) + _SLACK_MS


def _has_fired(timer: dict[str, Any]) -> bool:
    return timer["status"] not in _UNFIRED


def _end(life: Life, final: dict[str, Any], arrivals: list[Arrival]) -> Iterator[str]:
    known = life.known
    fired = [entry for entry in final["timeline"] if entry["event"] == "fired"]
    if known["status"] in {"paused", "cancelled"}:
        if final["status"] != known["status"]:
            yield f"it was {known['status']}"
        if fired or arrivals:
            yield "it was not to fire"
        return
    if final["status"] != "settled" or len(fired) != 1:
        yield f"it should have fired once and settled, and fired {len(fired)} times"
        return
    if final["fireAt"] != known["fireAt"]:
        yield "it is due at another time than the caller was told"
    yield from _firing(final, arrivals)


def _firing(final: dict[str, Any], arrivals: list[Arrival]) -> Iterator[str]:
    due_ms = parse_instant(final["fireAt"])
    if parse_instant(final["firedAt"]) < due_ms:
        yield "it fired early"
    if any(arrival.at_ms < due_ms for arrival in arrivals):
        yield "its webhook came early"
    if len({arrival.delivery for arrival in arrivals}) != 1:
        yield f"its webhooks are {[arrival.delivery for arrival in arrivals]}"
