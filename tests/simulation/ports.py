"""The other ports: schedules that fire late or never, a bus, keys, parked records, receivers with moods, clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from minoots_contract.events import CloudEvent
from minoots_contract.instants import MAX_INSTANT_MS
from minoots_kernel.adapters.memory import (
    MemoryEventBus,
    MemoryKeyStore,
    MemoryParkedRecordStore,
    MemoryWakeSchedules,
)
from minoots_kernel.application.parking_ports import ParkedRecord
from minoots_kernel.application.ports import Page, Performed
from minoots_kernel.domain.api_keys import ApiKey
from minoots_kernel.domain.delivery_ids import delivery_of
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.simulation.chance import SPAN
from tests.simulation.crossing import Crossing
from tests.simulation.faults import Fault
from tests.simulation.journal import Armed, Fired, Posted, Published
from tests.simulation.queues import SimulatedQueue
from tests.simulation.store import SimulatedStore

__all__ = [
    "GONE",
    "SimulatedBus",
    "SimulatedKeys",
    "SimulatedParking",
    "SimulatedReceivers",
    "SimulatedSchedules",
    "SkewedClock",
]

MINUTE_MS: Final = 60_000
MAX_LATE_MS: Final = 4 * 3_600_000
LINGER_MS: Final = 5_000
MAX_OVERSLEEP_MS: Final = 3
ANSWERS_IN_MS: Final = {"hangs": (30_000, 30_000), "slow": (10_000, 28_000)}
"""How long receivers of some moods take; the longest timeout that a webhook may have is 30 s."""


class SkewedClock:
    """The clock of whoever's turn it is."""

    def __init__(self, cross: Crossing) -> None:
        self._cross = cross

    def now_ms(self) -> int:
        """Return epoch milliseconds, as this function's machine has them."""
        return self._cross.loop.now_ms + self._cross.task.invocation.skew_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Wait, at times a little longer."""
        over_ms = self._cross.chance.below(MAX_OVERSLEEP_MS + 1, "oversleep", self._cross.task.subject)
        self._cross.loop.pause(max(0, duration_ms) + over_ms)


class SimulatedSchedules:
    """Schedules of the memory adapter. Each fires anywhere in its minute, and its name stays taken a while after."""

    def __init__(self, cross: Crossing, store: SimulatedStore, queue: SimulatedQueue) -> None:
        self.truth = MemoryWakeSchedules()
        self.pending = 0
        self._cross, self._store, self._queue = cross, store, queue

    def put(self, wake_up: WakeUp, at_ms: int) -> None:
        """Make a schedule; one that exists already is left as it is."""
        task = self._cross.task

        def make() -> None:
            made = wake_up.name not in self.truth.schedules
            self.truth.put(wake_up, at_ms)
            stood = self._store.by_id.get(wake_up.timer_id)
            task.sent.append(self._cross.journal.add(Armed, task, wake_up, at_ms, made, stood))
            if made:
                self._plan(wake_up, at_ms)

        self._cross("WakeSchedules.put", self._queue.subject_of(wake_up), make)

    def delete(self, wake_up: WakeUp) -> None:
        """Remove a schedule."""
        about = self._queue.subject_of(wake_up)
        self._cross("WakeSchedules.delete", about, lambda: self.truth.delete(wake_up))

    def wipe(self) -> None:
        """Lose every schedule."""
        for schedule in self.truth.schedules.values():
            self.truth.delete(schedule.wake_up)

    def _plan(self, wake_up: WakeUp, at_ms: int) -> None:
        fates, chance, about = self._cross.fates, self._cross.chance, self._queue.subject_of(wake_up)
        name = about.partition(".")[0]
        if fates.strikes(Fault.SCHEDULE_NEVER, "schedule", name):
            return
        times = 2 if fates.strikes(Fault.SCHEDULE_TWICE, "schedule", name) else 1
        for _ in range(times):
            when_ms = at_ms + chance.below(MINUTE_MS, "minute", about)
            if fates.strikes(Fault.SCHEDULE_LATE, "schedule", name):
                when_ms += chance.below(MAX_LATE_MS, "schedule late", about)
            self.pending += 1
            self._cross.loop.at(when_ms, lambda: self._fire(wake_up, about))

    def _fire(self, wake_up: WakeUp, about: str) -> None:
        self.pending -= 1
        if wake_up.name not in self.truth.schedules:
            return
        self._cross.journal.add(Fired, "Scheduler", wake_up, self._store.by_id.get(wake_up.timer_id))
        self._queue.put(wake_up.to_json(), about, wake_up.timer_id, 0)
        gone_ms = self._cross.loop.now_ms + self._cross.chance.below(LINGER_MS, "linger", about)
        self._cross.loop.at(gone_ms, lambda: self.truth.delete(wake_up))


class SimulatedBus:
    """The event bus of the memory adapter."""

    def __init__(self, cross: Crossing) -> None:
        self.truth = MemoryEventBus()
        self._cross = cross

    def publish(self, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Publish events; returns those that were not accepted."""
        task = self._cross.task

        def publish(accepted: Sequence[CloudEvent]) -> list[CloudEvent]:
            for event in accepted:
                self._cross.journal.add(Published, task, event)
            return self.truth.publish(accepted)

        def part() -> list[CloudEvent]:
            refused = self._cross.chance.between(1, len(events), "bus", task.subject)
            publish(events[refused:])
            return list(events[:refused])

        about = " ".join(event.type.split(".")[-2] for event in events)
        return self._cross("EventBus.publish", about, lambda: publish(events), part=part)


class SimulatedKeys:
    """The keys of the memory adapter."""

    def __init__(self, cross: Crossing) -> None:
        self.truth = MemoryKeyStore()
        self._cross = cross

    def find(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        return self._cross("KeyStore.find", "", lambda: self.truth.find(key_id))

    def put(self, key: ApiKey) -> None:
        """Store a key of which no use is news: that one is used has nothing to do with timers."""
        self.truth.put(replace(key, last_used_at_ms=MAX_INSTANT_MS))


class SimulatedParking:
    """Parked records of the memory adapter."""

    def __init__(self, cross: Crossing) -> None:
        self.truth = MemoryParkedRecordStore()
        self._cross = cross

    def put(self, consumer: str, record: dict[str, Any], reason: str) -> None:
        """Keep a record."""
        about = record["dynamodb"]["SequenceNumber"]
        self._cross("ParkedRecordStore.put", about, lambda: self.truth.put(consumer, record, reason))

    def page(self, consumer: str, *, limit: int, position: str | None = None) -> Page[ParkedRecord]:
        """List records, for the operator, who has not come yet when a history ends."""
        return self.truth.page(consumer, limit=limit, position=position)

    def remove(self, record: ParkedRecord) -> None:
        """Forget a record."""
        self.truth.remove(record)


GONE: Final = 404
"""The status of a receiver that is gone; 410 would switch its whole destination off, for other timers, too."""


class SimulatedReceivers:
    """Whoever gets the webhooks. What one answers to a request is its mood."""

    def __init__(
        self, cross: Crossing, store: SimulatedStore, moods: Mapping[str, float], name: Callable[[str], str]
    ) -> None:
        self._cross, self._store, self._name = cross, store, name
        self._moods = [(mood, int(share * SPAN)) for mood, share in moods.items()]

    def send(self, request: WebhookRequest) -> Performed:
        """Answer a request."""
        task = self._cross.task
        timer_id, action_id = delivery_of(request.headers["webhook-id"])
        attempt = int(request.headers["minoots-attempt"])
        delivery = f"{self._name(timer_id)}.{action_id}#{attempt}"
        word = self._cross.chance.word("mood", delivery)
        mood = self._mood(word & (SPAN - 1))

        def deliver() -> tuple[str, int]:
            hint = task.hint
            seen, stood = task.seen.get(hint.timer_id), self._store.by_id.get(hint.timer_id)
            post = self._cross.journal.add(
                Posted, task, request, hint.timer_id, hint.action_id, hint.attempt, seen, stood, mood
            )
            post.retry_after_ms = (word >> 30) % (40 * MINUTE_MS) if mood == "later" else None
            return mood, post.retry_after_ms or 0

        answer, retry_after_ms = self._cross(
            "WebhookSender.send", delivery, deliver, error=lambda: TransientActionError("no answer")
        )
        shortest_ms, longest_ms = ANSWERS_IN_MS.get(answer, (0, 2_000))
        self._cross.loop.pause(shortest_ms + (word >> 34) % (longest_ms - shortest_ms + 1))
        return self._answer(answer, retry_after_ms)

    def _answer(self, mood: str, retry_after_ms: int) -> Performed:
        if mood == "hangs":
            raise TransientActionError("timed out", failure="timeout")
        if mood == "forgets":
            raise TransientActionError("connection reset", failure="connection")
        if mood == "busy":
            raise TransientActionError("busy", 503)
        if mood == "later":
            raise TransientActionError("later", 429, retry_after_ms)
        if mood == "gone":
            raise PermanentActionError("gone", GONE)
        if mood == "breaks":
            raise RuntimeError("a defect of the sender")
        return Performed(200)

    def _mood(self, point: int) -> str:
        for mood, share in self._moods:
            if point < share:
                return mood
            point -= share
        return "takes it"
