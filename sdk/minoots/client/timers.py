"""The ``/timers`` resource."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from minoots.client.errors import WaitTimeoutError
from minoots.client.pace import has_ended, next_look_s
from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots_contract.actions import ActionBundle
from minoots_contract.timers import TimerPage, TimerReply, TimerStatus

__all__ = ["Timers"]


class Timers:
    """Create, read, cancel and await timers; reached as ``client.timers``."""

    def __init__(self, session: Session, requested_by: str) -> None:
        self._session = session
        self._requested_by = requested_by

    def create(
        self,
        name: str | None = None,
        *,
        duration: str | int | timedelta | None = None,
        fire_at: datetime | str | None = None,
        action_bundle: ActionBundle | Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        requested_by: str | None = None,
    ) -> TimerReply:
        """Create a timer; when this returns it is durable.

        The fields are checked by the API, not here, so that a newer API is not held back by an older client.
        The call is made again only if it cannot have been carried out, as `minoots.client.retry` tells.

        Args:
            name: One line for people; the API makes one up without it.
            duration: From now: text such as ``"1h30m"``, whole milliseconds, or a timedelta.
            fire_at: The instant instead: an aware datetime, or RFC 3339 text with an offset.
            action_bundle: What to do then, such as `minoots.webhook`; without it the timer settles when it fires.
            metadata: Any JSON object, given back as it is.
            labels: Short texts by name.
            requested_by: Who asks, instead of the client's own.

        Raises:
            ValueError: If ``fire_at`` is a datetime without an offset.
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        body = {
            "requestedBy": requested_by or self._requested_by,
            "name": name,
            "duration": _duration(duration),
            "fireAt": _instant(fire_at),
            "metadata": metadata,
            "labels": labels,
            "actionBundle": _bundle(action_bundle),
        }
        present = {field: value for field, value in body.items() if value is not None}
        return self._session.send(Call("POST", "/timers", body=present, repeatable=False), TimerReply)

    def get(self, timer_id: str) -> TimerReply:
        """Return a timer.

        Raises:
            NotFoundError: If this tenant has no such timer.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", _path(timer_id)), TimerReply)

    def page(
        self,
        *,
        status: TimerStatus | Collection[TimerStatus] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TimerPage:
        """Return one page of timers, newest first.

        Args:
            status: Only timers in it, or in one of these.
            limit: The most to return; the API's own default without it.
            cursor: ``next_cursor`` of the page before, with the same status.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        params = {"status": _statuses(status), "limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/timers", params=params), TimerPage)

    def list(
        self, *, status: TimerStatus | Collection[TimerStatus] | None = None, page_size: int | None = None
    ) -> Iterator[TimerReply]:
        """Iterate over all timers, newest first; pages are fetched as they are needed.

        Args:
            status: Only timers in it, or in one of these.
            page_size: How many to fetch at a time; the API's own default without it.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self.page(status=status, limit=page_size, cursor=cursor)):
            yield from page.timers

    def cancel(self, timer_id: str, *, reason: str | None = None, requested_by: str | None = None) -> TimerReply:
        """Cancel a timer; a second cancel changes nothing and succeeds.

        Args:
            timer_id: Which one.
            reason: One line for people.
            requested_by: Who asks, instead of the client's own.

        Raises:
            NotFoundError: If this tenant has no such timer.
            ConflictError: If it has fired already.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = {"requestedBy": requested_by or self._requested_by}
        if reason is not None:
            body["reason"] = reason
        return self._session.send(Call("POST", f"{_path(timer_id)}/cancel", body=body), TimerReply)

    def wait(self, timer_id: str, *, timeout_s: float | None = None) -> TimerReply:
        """Return a timer once it has settled, failed or been cancelled.

        It is looked at rarely while it is far from due and closely around the instant itself (`minoots.client.pace`).

        Args:
            timer_id: Which one.
            timeout_s: The longest to wait, in seconds; for ever without it.

        Raises:
            WaitTimeoutError: If it has not ended by then.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        clock = self._session.clock
        start_s = clock.monotonic_s()
        while True:
            timer = self.get(timer_id)
            if has_ended(timer):
                return timer
            pause_s = next_look_s(timer, now_ms=clock.now_ms())
            if timeout_s is not None:
                left_s = start_s + timeout_s - clock.monotonic_s()
                if left_s <= 0:
                    raise WaitTimeoutError(timer, timeout_s)
                pause_s = min(pause_s, left_s)
            clock.sleep(pause_s)


def _path(timer_id: str) -> str:
    if not timer_id:
        raise ValueError("a timer's id is not empty")
    return f"/timers/{quote(timer_id, safe='')}"


def _statuses(status: TimerStatus | Collection[TimerStatus] | None) -> Sequence[str] | None:
    if status is None:
        return None
    return (status,) if isinstance(status, str) else tuple(status)


def _duration(value: str | int | timedelta | None) -> str | int | None:
    return value // timedelta(milliseconds=1) if isinstance(value, timedelta) else value


def _instant(value: datetime | str | None) -> str | None:
    if not isinstance(value, datetime):
        return value
    if value.utcoffset() is None:
        raise ValueError("fire_at has no offset: make it aware, as in datetime(..., tzinfo=UTC)")
    return value.isoformat()


def _bundle(value: ActionBundle | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return value.wire() if isinstance(value, ActionBundle) else value
