"""The ``/timers`` resource."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from minoots.client.changes import Changes
from minoots.client.errors import WaitTimeoutError
from minoots.client.pace import has_ended, next_look_s
from minoots.client.paging import every_page
from minoots.client.session import Call
from minoots.client.values import duration_value, instant_value, said, timer_path, wire_value
from minoots_contract.actions import ActionBundle
from minoots_contract.late_policy import LatePolicy
from minoots_contract.timers import TimerPage, TimerReply, TimerStatus

__all__ = ["Timers"]


class Timers(Changes):
    """Create, read, change and await timers; reached as ``client.timers``."""

    def create(  # noqa: PLR0913  each is a field of the request
        self,
        name: str | None = None,
        *,
        duration: str | int | timedelta | None = None,
        fire_at: datetime | str | None = None,
        action_bundle: ActionBundle | Mapping[str, Any] | None = None,
        agent_binding: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        late_policy: LatePolicy | Mapping[str, Any] | None = None,
        heartbeat: bool = False,
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
            agent_binding: The agent that receives the bundle's prompts and commands, such as
                ``{"adapter": "inbox", "target": "ann"}``; without a bundle it is woken.
            metadata: Any JSON object, given back as it is.
            labels: Short texts by name.
            late_policy: What becomes of it when it is late; the deployment decides without it.
            heartbeat: Whether it fires when `heartbeat` was not called for ``duration``.
            requested_by: Who asks, instead of the client's own.

        Raises:
            ValueError: If ``fire_at`` is a datetime without an offset.
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        body = {
            "requestedBy": requested_by or self._requested_by,
            "name": name,
            "duration": duration_value(duration),
            "fireAt": instant_value(fire_at),
            "metadata": metadata,
            "labels": labels,
            "actionBundle": said(action_bundle),
            "agentBinding": agent_binding,
            "latePolicy": wire_value(late_policy),
            "heartbeat": heartbeat or None,
        }
        present = {field: value for field, value in body.items() if value is not None}
        return self._session.send(Call("POST", "/timers", body=present, repeatable=False), TimerReply)

    def get(self, timer_id: str) -> TimerReply:
        """Return a timer.

        Raises:
            NotFoundError: If this tenant has no such timer.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", timer_path(timer_id)), TimerReply)

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


def _statuses(status: TimerStatus | Collection[TimerStatus] | None) -> Sequence[str] | None:
    if status is None:
        return None
    return (status,) if isinstance(status, str) else tuple(status)
