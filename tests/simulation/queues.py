"""The queues: delays, batches, visibility timeouts, redrive, and everything that SQS does not promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from minoots_kernel.application.ports import Delayed
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from tests.simulation.crossing import Crossing
from tests.simulation.faults import Fault
from tests.simulation.journal import Acked, Crashed, Sent
from tests.simulation.loop import Task
from tests.simulation.store import SimulatedStore

__all__ = ["Message", "SimulatedQueue"]

MAX_RECEIVES: Final = 5
HOP_MS: Final = 40
MAX_LATE_MS: Final = 20 * 60_000
Hint = WakeUp | ActionMessage
Invoke = Callable[[dict[str, Any], str, Callable[[Task | None], None]], None]


@dataclass(slots=True, eq=False)
class Message:
    """A message in the queue; `visible_at_ms` is when it may be received, again if need be."""

    id: str
    body: str
    subject: str
    timer_id: str
    visible_at_ms: int
    receives: int = 0
    forged: bool = False


class SimulatedQueue:
    """One queue, and the mapping that hands its messages to a function.

    Attributes:
        messages: What is in the queue, in flight or not.
        dead: What was delivered too often.
        invoke: Starts the function with an event.
    """

    def __init__(
        self,
        call: str,
        cross: Crossing,
        store: SimulatedStore,
        name: Callable[[str], str],
        batch_size: int,
        visibility_ms: int,
        next_timer_id: Callable[[], str],
    ) -> None:
        self.messages: list[Message] = []
        self.dead: list[Message] = []
        self.invoke: Invoke
        self._call, self._cross, self._store, self._name = call, cross, store, name
        self._batch_size, self._visibility_ms = batch_size, visibility_ms
        self._next_timer_id = next_timer_id
        self._count, self._rung = 0, False

    # -- what functions call -------------------------------------------------------------------------------------------

    def send(self, batch: Sequence[Delayed[Any]]) -> list[Delayed[Any]]:
        """Send messages; returns those that were not accepted."""
        task = self._cross.task
        about = " ".join(self.subject_of(delayed.message) for delayed in batch)

        def take(accepted: Sequence[Delayed[Any]]) -> None:
            for delayed in accepted:
                self._sent(task, delayed)

        def whole() -> list[Delayed[Any]]:
            take(batch)
            return []

        def part() -> list[Delayed[Any]]:
            refused = self._cross.chance.between(1, len(batch), self._call, task.subject)
            take(batch[refused:])
            return list(batch[:refused])

        return self._cross(self._call, about, whole, part=part)

    def hide(self, receipt_handle: str, for_s: int) -> None:
        """Deliver a message again in so many seconds from now."""

        def hidden() -> None:
            for message in self.messages:
                if receipt_handle == f"{message.id}/{message.receives}":
                    message.visible_at_ms = self._cross.loop.now_ms + for_s * 1000
                    self._ring_at(message.visible_at_ms)

        self._cross("MessageVisibility.hide", receipt_handle, hidden)

    # -- what AWS does -------------------------------------------------------------------------------------------------

    def subject_of(self, hint: Hint) -> str:
        """Name a hint."""
        name = self._name(hint.timer_id)
        return f"{name}.{hint.action_id}#{hint.attempt}" if hint.action_id is not None else name

    def put(self, body: str, subject: str, timer_id: str, delay_ms: int, *, forged: bool = False) -> None:
        """Put a message into the queue, once or more often, now or later, or not at all."""
        fates, chance, name = self._cross.fates, self._cross.chance, self._name(timer_id)
        if not forged and fates.strikes(Fault.MESSAGE_LOST, self._call, name):
            return
        copies = 2 if not forged and fates.strikes(Fault.MESSAGE_TWICE, self._call, name) else 1
        self._count += 1
        for copy in range(copies):
            visible_at_ms = self._cross.loop.now_ms + delay_ms + 1 + chance.below(HOP_MS, "hop", subject)
            if fates.strikes(Fault.MESSAGE_LATE, self._call, name):
                visible_at_ms += chance.below(MAX_LATE_MS, "late", subject)
            identity = f"{subject}/{self._count}{'b' * copy}"
            self.messages.append(Message(identity, body, subject, timer_id, visible_at_ms, forged=forged))
            self._ring_at(visible_at_ms)

    def _sent(self, task: Task, delayed: Delayed[Any]) -> None:
        hint, loop = delayed.message, self._cross.loop
        due_at_ms = loop.now_ms + delayed.delay_s * 1000
        stood, seen = self._store.by_id.get(hint.timer_id), task.seen.get(hint.timer_id)
        task.sent.append(self._cross.journal.add(Sent, task, hint, due_at_ms, stood, seen))
        subject, name = self.subject_of(hint), self._name(hint.timer_id)
        # What came early goes on as it came: a forged one stays forged.
        forged = task.record is not None and task.record["forged"]
        self.put(hint.to_json(), subject, hint.timer_id, delayed.delay_s * 1000, forged=forged)
        if self._cross.fates.strikes(Fault.FORGED_HINT, self._call, name):
            self.put(self._forged(hint).to_json(), f"{subject} forged", hint.timer_id, 0, forged=True)
        if self._cross.fates.strikes(Fault.POISON_MESSAGE, self._call, name):
            self.put('{"tenantId": 7', f"{subject} poison", hint.timer_id, 0, forged=True)

    def _forged(self, hint: Hint) -> Hint:
        """Make a hint that nothing calls for."""
        choice = self._cross.chance.below(5, "forged", hint.timer_id)
        if choice == 0:
            return replace(hint, timer_id=self._next_timer_id())
        if choice == 1:
            return replace(hint, tenant_id="stranger")
        if isinstance(hint, WakeUp):
            now_ms = self._cross.loop.now_ms
            generation = hint.generation + (choice - 3)
            return replace(hint, generation=generation, due_at_ms=min(now_ms, hint.due_at_ms))
        return replace(hint, attempt=max(1, hint.attempt + (choice - 3)))

    def _ring_at(self, when_ms: int) -> None:
        self._cross.loop.at(when_ms, self._ring)

    def _ring(self) -> None:
        """Deliver soon; what becomes visible until then comes along."""
        if not self._rung:
            self._rung = True
            loop = self._cross.loop
            loop.at(loop.now_ms + self._cross.chance.below(HOP_MS, "poll", self._call), self._deliver)

    def _deliver(self) -> None:
        self._rung = False
        chance, now_ms = self._cross.chance, self._cross.loop.now_ms
        visible = [message for message in self.messages if message.visible_at_ms <= now_ms]
        visible.sort(key=lambda message: chance.word("order", message.subject))
        batch = []
        for message in visible[: chance.between(1, self._batch_size, "batch", self._call)]:
            message.receives += 1
            if message.receives > MAX_RECEIVES:
                self.messages.remove(message)
                self.dead.append(message)
                continue
            message.visible_at_ms = now_ms + self._visibility_ms
            self._ring_at(message.visible_at_ms)
            if self._cross.fates.strikes(Fault.MESSAGE_SHOWN_AGAIN, self._call, self._name(message.timer_id)):
                message.visible_at_ms = now_ms + chance.below(500, "shown again", message.subject)
                self._ring_at(message.visible_at_ms)
            batch.append(message)
        if len(visible) > len(batch):
            self._ring()
        if batch:
            receives = {message.id: message.receives for message in batch}
            event = {"Records": [self._record(message) for message in batch]}
            self.invoke(event, self._call, lambda main: self._done(batch, receives, main))

    @staticmethod
    def _record(message: Message) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": f"{message.id}/{message.receives}",
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
            "subject": message.subject,
            "forged": message.forged,
        }

    def _done(self, batch: list[Message], receives: dict[str, int], main: Task | None) -> None:
        """Delete what was handled."""
        if main is None or main.error is not None:
            for message in batch:
                self._cross.journal.add(Crashed, message.subject, "its function crashed")
            return
        failed = {one["itemIdentifier"] for one in main.result["batchItemFailures"]}
        strands = {strand.record["messageId"]: strand for strand in main.invocation.tasks if strand.record is not None}
        for message in batch:
            if message.id in failed:
                continue
            strand = strands.get(message.id, main)
            stood = self._store.by_id.get(strand.hint.timer_id) if strand.hint else None
            self._cross.journal.add(Acked, strand, strand.hint, receives[message.id] > 1, stood, message.forged)
            kept = self._cross.fates.strikes(Fault.DELETE_LOST, self._call, self._name(message.timer_id))
            if not kept and message in self.messages:
                self.messages.remove(message)
