"""Changes of mind about a timer: the verbs below ``/timers/{id}``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict, Unpack
from uuid import uuid4

from minoots.client.session import Call, Session
from minoots.client.values import duration_value, instant_value, timer_path, wire_value
from minoots_contract.late_policy import LatePolicy
from minoots_contract.timers import TimerReply

__all__ = ["Asked", "Changes"]


class Asked(TypedDict, total=False):
    """What every change takes beside its own arguments.

    Attributes:
        reason: One line for people; the timeline keeps it.
        requested_by: Who asks, instead of the client's own.
        state_version: Change nothing unless the timer stands at this version (`TimerReply.state_version`).
        idempotency_key: 1 to 255 printable ASCII characters. Asked again with the same key, the change is made once;
            without one each call makes up its own, so that its retries are safe.
    """

    reason: str | None
    requested_by: str | None
    state_version: int | None
    idempotency_key: str | None


class Changes:
    """Change timers. Each call returns the timer as the change left it, and takes what `Asked` names.

    Each raises `NotFoundError` if this tenant has no such timer; `ConflictError` if it has fired or ended, or stands at
    another version than ``state_version``; `BadRequestError` if an argument cannot be; or any other of the tree in
    `minoots.client.errors`.
    """

    def __init__(self, session: Session, requested_by: str) -> None:
        self._session = session
        self._requested_by = requested_by

    def cancel(self, timer_id: str, **asked: Unpack[Asked]) -> TimerReply:
        """Cancel a timer; a second cancel changes nothing, keeps the first one's reason and succeeds."""
        return self._change(timer_id, "cancel", {}, asked)

    def extend(self, timer_id: str, by: str | int | timedelta, **asked: Unpack[Asked]) -> TimerReply:
        """Move the due time away.

        Args:
            timer_id: Which timer.
            by: How far: text such as ``"5m"``, whole milliseconds, or a timedelta.
            asked: As every change.
        """
        return self._change(timer_id, "extend", {"by": duration_value(by)}, asked)

    def reschedule(
        self,
        timer_id: str,
        *,
        duration: str | int | timedelta | None = None,
        fire_at: datetime | str | None = None,
        late_policy: LatePolicy | Mapping[str, Any] | None = None,
        **asked: Unpack[Asked],
    ) -> TimerReply:
        """Set another due time: ``duration`` from now, or ``fire_at``.

        Args:
            timer_id: Which timer.
            duration: From now; or
            fire_at: the instant: an aware datetime, or RFC 3339 text with an offset.
            late_policy: Takes the place of the timer's own.
            asked: As every change.

        Raises:
            ValueError: If ``fire_at`` is a datetime without an offset.
        """
        when = {"duration": duration_value(duration), "fireAt": instant_value(fire_at)}
        return self._change(timer_id, "reschedule", {**when, "latePolicy": wire_value(late_policy)}, asked)

    def snooze(self, timer_id: str, duration: str | int | timedelta, **asked: Unpack[Asked]) -> TimerReply:
        """Let a timer fire no sooner than ``duration`` from now, and no sooner than it would have."""
        return self._change(timer_id, "snooze", {"duration": duration_value(duration)}, asked)

    def pause(self, timer_id: str, **asked: Unpack[Asked]) -> TimerReply:
        """Stop a timer's time; `TimerReply.remaining_ms` is what it has left."""
        return self._change(timer_id, "pause", {}, asked)

    def resume(
        self, timer_id: str, *, keep: Literal["remaining", "dueTime"] | None = None, **asked: Unpack[Asked]
    ) -> TimerReply:
        """Let a paused timer's time run on.

        Args:
            timer_id: Which timer.
            keep: What it had left (``"remaining"``, as without it), or the due time that it had (``"dueTime"``).
            asked: As every change.
        """
        return self._change(timer_id, "resume", {"keep": keep}, asked)

    def fire(self, timer_id: str, **asked: Unpack[Asked]) -> TimerReply:
        """Fire a timer now; one that has fired is returned as it is."""
        return self._change(timer_id, "fire", {}, asked)

    def update(
        self,
        timer_id: str,
        *,
        name: str | None = None,
        labels: Mapping[str, str | None] | None = None,
        metadata: Mapping[str, Any] | None = None,
        state_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> TimerReply:
        """Change what a timer is called and carries; what is left out stays. Its time is changed by the others.

        Args:
            timer_id: Which timer.
            name: Its new name.
            labels: Merged name by name; None as a value takes a label away.
            metadata: Merged at every level; None as a value takes it away. It cannot change once the timer has fired.
            state_version: As every change.
            idempotency_key: As every change.
        """
        wanted = {"name": name, "labels": labels, "metadata": metadata}
        headers = {"Content-Type": "application/merge-patch+json", "Idempotency-Key": idempotency_key or uuid4().hex}
        if state_version is not None:
            headers["If-Match"] = f'"{state_version}"'
        body = {field: value for field, value in wanted.items() if value is not None}
        return self._session.send(Call("PATCH", timer_path(timer_id), body=body, headers=headers), TimerReply)

    def heartbeat(self, timer_id: str) -> TimerReply:
        """Push a heartbeat timer out by its whole duration; one that is paused is returned as it is."""
        return self._session.send(Call("POST", f"{timer_path(timer_id)}/heartbeat", body={}), TimerReply)

    def _change(self, timer_id: str, verb: str, wanted: Mapping[str, Any], asked: Asked) -> TimerReply:
        body = {
            "requestedBy": asked.get("requested_by") or self._requested_by,
            "reason": asked.get("reason"),
            "stateVersion": asked.get("state_version"),
            **wanted,
        }
        call = Call(
            "POST",
            f"{timer_path(timer_id)}/{verb}",
            body={name: value for name, value in body.items() if value is not None},
            headers={"Idempotency-Key": asked.get("idempotency_key") or uuid4().hex},
        )
        return self._session.send(call, TimerReply)
