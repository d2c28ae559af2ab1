"""The deployed functions, built from the real use cases and handlers over the simulated ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from minoots_kernel.adapters.json_schema import JsonSchemas
from minoots_kernel.adapters.memory import (
    MemoryCommandTemplateStore,
    MemoryDestinationStore,
    MemoryMetrics,
    MemorySecretBox,
)
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.arm_timers import ArmTimers, DisarmTimer
from minoots_kernel.application.authenticate import Authenticate
from minoots_kernel.application.change_of_mind import ChangeOfMind
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.discard_dead_letters import DiscardDeadLetters
from minoots_kernel.application.fire_timer import FireTimer
from minoots_kernel.application.heartbeat_timer import HeartbeatTimer
from minoots_kernel.application.performers.webhook import WebhookPerformer
from minoots_kernel.application.ports import Clock, IdFactory
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.application.publish_events import PublishEvents
from minoots_kernel.application.read_dead_letters import ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.application.redrive_dead_letters import RedriveDeadLetters
from minoots_kernel.application.run_action import RunAction
from minoots_kernel.application.sweep_timers import SweepTimers
from minoots_kernel.domain.errors import MinootsError, UnknownHintError
from minoots_kernel.domain.messages import ActionMessage, MalformedMessageError, WakeUp
from minoots_kernel.domain.targets import AllowedTargets
from minoots_kernel.interfaces.arming import ArmChanges
from minoots_kernel.interfaces.queues import QueueConsumer
from minoots_kernel.interfaces.streams import StreamConsumer
from tests.simulation.crossing import Crossing
from tests.simulation.loop import GreenletPool, Invocation, Task
from tests.simulation.ports import SimulatedBus, SimulatedKeys, SimulatedParking, SimulatedReceivers, SimulatedSchedules
from tests.simulation.queues import SimulatedQueue
from tests.simulation.shield import SimulatedShield
from tests.simulation.store import SimulatedDeadLetters, SimulatedStore
from tests.simulation.streams import read_image

__all__ = ["FIRE_BATCH", "RUN_BATCH", "TIMEOUTS_MS", "Functions", "Ports"]

FIRE_BATCH, RUN_BATCH = 10, 5
TIMEOUTS_MS: Final = {
    "control_plane": 30_000,
    "kernel_arm": 60_000,
    "event_fabric": 60_000,
    "kernel_fire": 20_000,
    "orchestrator": 60_000,
    "kernel_sweep": 60_000,
}
"""The functions and how long each may take, as the template has them."""

KEY_CACHE_MS: Final = 60_000
SPARE_MS: Final = 5_000


@dataclass
class Ports:
    """Everything that the use cases need of the world."""

    store: SimulatedStore
    dead_letters: SimulatedDeadLetters
    wake_queue: SimulatedQueue
    action_queue: SimulatedQueue
    schedules: SimulatedSchedules
    bus: SimulatedBus
    keys: SimulatedKeys
    parked: SimulatedParking
    receivers: SimulatedReceivers
    shield: SimulatedShield
    clock: Clock
    ids: IdFactory


class Functions:
    """Starts functions, and ends those that crash or take too long.

    Args:
        cross: The way to the ports.
        ports: What the functions are built on.
        skew_ms: Most that a clock is off.
    """

    def __init__(self, cross: Crossing, ports: Ports, skew_ms: int) -> None:
        self._cross, self._skew_ms = cross, skew_ms
        self._count = 0
        store, clock, metrics = ports.store, ports.clock, MemoryMetrics()
        wake_queue, action_queue, schedules = ports.wake_queue, ports.action_queue, ports.schedules
        self.authenticate = Authenticate(ports.keys, clock, KEY_CACHE_MS)
        self.create = CreateTimer(
            store,
            wake_queue,
            clock,
            ports.ids,
            PrepareActions(AllowedTargets(), MemoryCommandTemplateStore(), JsonSchemas()),
        )
        self.change = ChangeOfMind(store, wake_queue, clock)
        self.beat = HeartbeatTimer(store, clock)
        self.get, self.list = GetTimer(store), ListTimers(store)
        self.list_dead_letters = ListDeadLetters(ports.dead_letters)
        self.redrive = RedriveDeadLetters(store, ports.dead_letters, wake_queue, clock)
        self.discard = DiscardDeadLetters(store, ports.dead_letters, clock)
        self.sweep = SweepTimers(store, ports.dead_letters, wake_queue, action_queue, schedules, clock, metrics)
        arming = ArmChanges(ArmTimers(store, wake_queue, schedules, clock), DisarmTimer(schedules))
        fire = FireTimer(store, ports.dead_letters, wake_queue, action_queue, schedules, clock, metrics)
        performers = {
            "webhook": WebhookPerformer(
                ports.receivers, AddressBook(MemoryDestinationStore(), MemorySecretBox(), clock, ports.shield)
            )
        }
        run = RunAction(store, ports.dead_letters, wake_queue, schedules, action_queue, performers, clock, metrics)
        pool = self._pool
        self._handlers: Mapping[str, Callable[[Any, Any], Any]] = {
            "kernel_arm": StreamConsumer("kernel_arm", read_image, self._sound(arming), ports.parked, clock),
            "event_fabric": StreamConsumer(
                "event_fabric", read_image, self._sound(PublishEvents(ports.bus)), ports.parked, clock
            ),
            "kernel_fire": QueueConsumer(self._message(WakeUp, fire), FIRE_BATCH, wake_queue, pool),
            "orchestrator": QueueConsumer(self._message(ActionMessage, run), RUN_BATCH, action_queue, pool),
        }

    def on_event(
        self, function: str, use_case: str
    ) -> Callable[[dict[str, Any], str, Callable[[Task | None], None]], None]:
        """Return what hands a function its events."""

        def invoke(event: dict[str, Any], subject: str, ended: Callable[[Task | None], None]) -> None:
            handler = self._handlers[function]
            self.invoke(function, use_case, subject, lambda: handler(event, None), ended)

        return invoke

    def invoke(
        self,
        function: str,
        use_case: str,
        subject: str,
        work: Callable[[], Any],
        ended: Callable[[Task | None], None],
    ) -> None:
        """Run something as an invocation of a function."""
        self._count += 1
        loop = self._cross.loop
        skew_ms = self._cross.chance.between(-self._skew_ms, self._skew_ms, "skew", subject) if self._skew_ms else 0
        deadline_ms = loop.now_ms + TIMEOUTS_MS[function]
        invocation = Invocation(loop, function, use_case, self._count, skew_ms, deadline_ms)
        loop.at(deadline_ms, invocation.crash)
        invocation.start(subject, work, ended)

    def sweep_once(self, ended: Callable[[Task | None], None]) -> None:
        """Run a sweep."""
        self.invoke("kernel_sweep", "sweep_timers", "sweep", lambda: self.sweep(self._until()), ended)

    def rebuild(self, resume_from: tuple[int, str | None], ended: Callable[[Task | None], None]) -> None:
        """Run a stretch of a rebuild."""

        def work() -> Any:
            return self.sweep.rebuild(deadline_ms=self._until(), resume_from=resume_from)

        self.invoke("kernel_sweep", "rebuild", "rebuild", work, ended)

    def _until(self) -> int:
        invocation = self._cross.task.invocation
        return invocation.deadline_ms + invocation.skew_ms - SPARE_MS

    def _pool(self, _concurrency: int) -> GreenletPool:
        def subject(record: Any) -> str:
            return str(record["subject"])

        return GreenletPool(self._cross.loop, subject, lambda about: self._cross.chance.word("turn", about))

    def _message(self, kind: type[WakeUp] | type[ActionMessage], handle: Any) -> Callable[[str, bool], object]:
        """Return what handles a message's body as the deployed function does, and notes what it is about."""

        def handled(body: str, again: bool) -> object:
            hint = kind.from_json(body)
            task = self._cross.task
            task.hint, task.again = hint, again
            return handle(hint, again=again)

        return self._sound(handled)

    def _sound(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        """Note exceptions that no code should raise; the handlers themselves only log them."""

        def sound(*arguments: Any, **named: Any) -> Any:
            try:
                return handle(*arguments, **named)
            except (MinootsError, UnknownHintError, MalformedMessageError):
                raise
            except Exception as problem:
                self._cross.journal.broken.append(f"{type(problem).__name__}: {problem}")
                raise

        return sound
