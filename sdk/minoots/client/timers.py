"""The ``/timers`` resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Unpack

from minoots.client.batches import NewTimer, create_body, create_many
from minoots.client.changes import Changes
from minoots.client.errors import WaitTimeoutError
from minoots.client.pace import has_ended, next_look_s
from minoots.client.paging import every_page
from minoots.client.session import Call
from minoots.client.values import fresh_key, timer_path
from minoots.client.wanted import Wanted, query_of
from minoots_contract.actions import ActionBundle
from minoots_contract.batches import BatchResult
from minoots_contract.late_policy import LatePolicy
from minoots_contract.timers import TimerPage, TimerReply

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
        idempotency_key: str | None = None,
    ) -> TimerReply:
        """Create a timer; when this returns it is durable.

        The fields are checked by the API, not here, so that a newer API is not held back by an older client.

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
            idempotency_key: 1 to 255 printable ASCII characters. Asked again with the same key, the timer is created
                once, and returned as it is by then; without one each call makes up its own, so that its retries are
                safe.

        Raises:
            ValueError: If ``fire_at`` is a datetime without an offset.
            BadRequestError: If an argument cannot be, or the key came with another request before.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        wanted: NewTimer = {
            "name": name,
            "duration": duration,
            "fire_at": fire_at,
            "action_bundle": action_bundle,
            "agent_binding": agent_binding,
            "metadata": metadata,
            "labels": labels,
            "late_policy": late_policy,
            "heartbeat": heartbeat,
            "requested_by": requested_by,
        }
        body = create_body(wanted, self._requested_by)
        key = idempotency_key or fresh_key(self._session.clock.now_ms())
        return self._session.send(Call("POST", "/timers", body=body, headers={"Idempotency-Key": key}), TimerReply)

    def create_many(self, timers: Iterable[NewTimer], *, keyed: bool = True) -> list[BatchResult]:
        """Create any number of timers, up to 500 in a request; each is created, or not, by itself.

        Args:
            timers: What `create` takes, by name: ``[{"name": "tea", "duration": "3m"}, ...]``.
            keyed: Whether each gets an idempotency key, so that whatever failed for a moment is safely asked for again.
                Without keys the API stores 25 timers in a call where it else makes one for each, and nothing is asked
                for again that may have been carried out. An ``idempotency_key`` of a timer's own is used in any case.

        Returns:
            A result for each timer, in their order: `BatchResult.timer`, or `BatchResult.problem`; `index` counts
            through all of them.

        Raises:
            ValueError: If a ``fire_at`` is a datetime without an offset; nothing was sent then.
            MinootsClientError: One of the tree in `minoots.client.errors`, about a request as a whole; timers of the
                requests before it were created.
        """
        return create_many(self._session, timers, self._requested_by, keyed=keyed)

    def get(self, timer_id: str) -> TimerReply:
        """Return a timer.

        Raises:
            NotFoundError: If this tenant has no such timer.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", timer_path(timer_id)), TimerReply)

    def page(self, *, limit: int | None = None, cursor: str | None = None, **wanted: Unpack[Wanted]) -> TimerPage:
        """Return one page of timers, newest first unless asked otherwise.

        Args:
            limit: The most to return; the API's own default without it.
            cursor: ``next_cursor`` of the page before, with the same filters.
            wanted: Which, and in what order: `Wanted`.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        params = {**query_of(wanted), "limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/timers", params=params), TimerPage)

    def list(self, *, page_size: int | None = None, **wanted: Unpack[Wanted]) -> Iterator[TimerReply]:
        """Iterate over all timers, newest first unless asked otherwise; pages are fetched as they are needed.

        Args:
            page_size: How many to fetch at a time; the API's own default without it.
            wanted: Which, and in what order: `Wanted`.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self.page(limit=page_size, cursor=cursor, **wanted)):
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
