"""The queues between the functions: messages get lost, come twice, late and in any order, and five times at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from minoots_kernel.domain.errors import MinootsError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import Timer
from minoots_kernel.interfaces.queues import RETRY_AFTER_S
from tests.simulation.asking.fate import Calls, Time
from tests.unit.application.world import ACTION_VISIBILITY_MS, Crash, World

__all__ = ["DELIVERIES", "Delivered", "Queues"]

DELIVERIES: Final = 5
LATE_MS: Final = (50, 2_000, 8_000, 30_000, 120_000, 600_000)


@dataclass
class Delivered:
    """A message, and how each of its deliveries ended: `done`, `crash`, `failed`, or `unknown` for one that is kept.

    Attributes:
        of_another_life: Whether it came for an action that had been redriven since.
    """

    message: Any
    ends: list[str] = field(default_factory=list)
    of_another_life: bool = False


class Queues:
    """Hands over what the queues hold.

    Attributes:
        delivered: Every message that was handed over.
    """

    def __init__(self, world: World, time: Time, calls: Calls, now: Callable[[], Timer]) -> None:
        self._world, self._time, self._calls, self._now = world, time, calls, now
        self.delivered: list[Delivered] = []

    def pump(self) -> None:
        """Hand over what is due in the queues."""
        for message in self._world.actions_due():
            self.send(message)
        for hint in self._world.wake_ups_due():
            self._take(hint, lambda hint, again: self._world.fire(hint, again=again), ())

    def next_ms(self) -> int | None:
        """Return when the next message is due."""
        sent = (*self._world.wake_queue.sent, *self._world.action_queue.sent)
        return min((one.due_at_ms for one in sent), default=None)

    def send(self, message: ActionMessage) -> None:
        """Hand over an action message."""
        self._take(message, lambda message, again: self._world.run(message, again=again), LATE_MS)

    def copy(self) -> None:
        """Have a copy of the message that is being handled handled at the same time."""
        by = self._calls.strand
        if isinstance(by, Delivered) and isinstance(by.message, ActionMessage):
            copy = Delivered(by.message)
            self.delivered.append(copy)
            self._deliver(copy, lambda message, again: self._world.run(message, again=again))

    def _take(self, message: Any, handle: Callable[[Any, bool], object], late_ms: tuple[int, ...]) -> None:
        kind, rng = self._calls.kind, self._calls.rng
        if self._calls.happens(kind.lost):
            return
        delay_ms = rng.choice(late_ms) if late_ms and self._calls.happens(kind.late / 2) else rng.choice((0, 5))
        delays_ms = [delay_ms]
        if late_ms and self._calls.happens(kind.copies):
            delays_ms.append(rng.choice(late_ms))
        for one_ms in delays_ms:
            delivered = Delivered(message)
            self.delivered.append(delivered)
            self._time.at(one_ms, lambda delivered=delivered: self._deliver(delivered, handle))

    def _deliver(self, delivered: Delivered, handle: Callable[[Any, bool], object]) -> None:
        if isinstance(delivered.message, ActionMessage):
            now = self._now().action(delivered.message.action_id)
            delivered.of_another_life |= now is not None and delivered.message.attempt <= now.redriven.after_tries
        try:
            with self._calls.by(delivered):
                handle(delivered.message, bool(delivered.ends))
        except Crash:
            delivered.ends.append("crash")
        except MinootsError:
            delivered.ends.append("failed")
        except UnknownHintError:
            delivered.ends.append("unknown")
        else:
            delivered.ends.append("done")
            return
        if len(delivered.ends) < DELIVERIES:
            after_ms = RETRY_AFTER_S[min(len(delivered.ends), len(RETRY_AFTER_S)) - 1] * 1_000
            after_ms = ACTION_VISIBILITY_MS if delivered.ends[-1] == "crash" else after_ms
            self._time.at(after_ms, lambda: self._deliver(delivered, handle))
