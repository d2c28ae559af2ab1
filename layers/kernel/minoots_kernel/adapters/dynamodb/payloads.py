"""How long the payload of a timer is kept: longer than the timer, whatever becomes of its due time.

A payload is written once and expires by TTL, and writing it again costs a unit per kilobyte. So its time is set with
much to spare, and only a due time that moves by weeks moves it. While nobody knows when the timer will end (it is
paused, or waits for heartbeats) a payload has no time at all; it gets one when that is known.
"""

from __future__ import annotations

from typing import Final

from minoots_kernel.adapters.dynamodb.keys import DAY_S, DEAD_LETTERS_KEPT_S, Item, payload_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.timer import ActionStatus, Status, Timer

__all__ = ["Payloads", "kept_after_end_s", "leaves_letters"]

GRACE_S: Final = 30 * DAY_S
"""How much longer than its timer a payload is kept at least, and in what steps its time moves."""


class Payloads:
    """The payload items of a table.

    Args:
        table: The table.
        retention_s: How long an ended timer is kept, seconds.
        clock: Tells when a timer ended for good.
    """

    def __init__(self, table: Table, retention_s: int, clock: Clock) -> None:
        self._table = table
        self._retention_s = retention_s
        self._clock = clock

    def put(self, timer: Timer, spec_json: str) -> bool:
        """Store a timer's payload; say whether it is new.

        That of a create under an idempotency key may be there already, by the same request: then it stays as it is.
        """
        item = self.item(timer, spec_json)
        if timer.request is None or timer.spec.revision:
            self._table.put(item)
            return True
        try:
            self._table.put_new(item)
        except ConditionFailedError:
            return False
        return True

    def item(self, timer: Timer, spec_json: str) -> Item:
        """Return the payload of a timer as an item."""
        kept_until_s = self._kept_until_s(timer)
        item = {**_key(timer), "spec": {"S": spec_json}}
        return item if kept_until_s is None else item | _expires(kept_until_s)

    def renew(self, timer: Timer) -> None:
        """Give a payload that lay there the time of the timer that has it now."""
        self._keep(timer, self._kept_until_s(timer))

    def retire(self, timer: Timer) -> None:
        """Let a payload go that its timer has no more, once nobody can be about to read it."""
        self._keep(timer, self._clock.now_ms() // 1000 + GRACE_S)

    def before_change(self, before: Timer, after: Timer) -> None:
        """Keep the payload longer, if the timer will need it longer: it must never be gone first."""
        was_s, needed_s = self._kept_until_s(before), self._kept_until_s(after)
        if was_s is not None and (needed_s is None or needed_s > was_s):
            self._keep(after, needed_s)

    def after_change(self, before: Timer, after: Timer) -> None:
        """Give the payload its time, once it is known; a crash before that leaves it for ever, and nothing lost."""
        needed_s = self._kept_until_s(after)
        if self._kept_until_s(before) is None and needed_s is not None:
            self._keep(after, needed_s)

    def _keep(self, timer: Timer, until_s: int | None) -> None:
        changes = {"expiresAt": None} if until_s is None else _expires(until_s)
        try:
            self._table.set_if_there(_key(timer), changes)
        except ConditionFailedError:
            return  # gone by its time, as its timer will be

    def _kept_until_s(self, timer: Timer) -> int | None:
        """Return when the payload may go, epoch seconds; none while nobody knows."""
        now_s = self._clock.now_ms() // 1000
        if timer.status.terminal:
            ended_ms = (timer.settled_at_ms or timer.failed_at_ms) if leaves_letters(timer) else None
            ended_s = now_s if ended_ms is None else ended_ms // 1000
            return ended_s + kept_after_end_s(timer, self._retention_s) + GRACE_S
        if timer.timeout_ms is not None or timer.status is Status.PAUSED:
            return None
        due_s = (max(timer.fire_at_ms // 1000, now_s) // GRACE_S + 1) * GRACE_S
        return due_s + _longest_run_s(timer) + self._retention_s + GRACE_S


def kept_after_end_s(timer: Timer, retention_s: int) -> int:
    """Return how long a timer is kept from its end, seconds: no dead letter may outlive what it is redriven from."""
    return max(retention_s, DEAD_LETTERS_KEPT_S) if leaves_letters(timer) else retention_s


def leaves_letters(timer: Timer) -> bool:
    """Tell whether a timer that has ended has dead letters; one that settled has some if others got through instead."""
    return any(state.status is ActionStatus.FAILED for state in timer.actions)


def _key(timer: Timer) -> Item:
    return payload_key(timer.tenant_id, timer.id, timer.spec.revision or timer.request or "")


def _expires(at_s: int) -> Item:
    return {"expiresAt": {"N": str(at_s)}}


def _longest_run_s(timer: Timer) -> int:
    """Return how long the actions may take from the due time if every attempt fails and every delay is the longest."""
    bundle = timer.spec.bundle
    if bundle is None:
        return 0
    policies = [action.retry_policy or bundle.retry_policy for _, action in bundle.placed()]
    return sum((policy.max_attempts - 1) * max(policy.backoff_max_ms // 1000, DAY_S) for policy in policies)
