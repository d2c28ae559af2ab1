"""One history: the world that it happens in, from its first order until everything has come to rest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

from minoots_kernel.domain.keyed_creates import derived_id
from tests.simulation.chance import Chance
from tests.simulation.crossing import Crossing
from tests.simulation.faults import Cell, Fates, Fault
from tests.simulation.functions import FIRE_BATCH, RUN_BATCH, Functions, Ports
from tests.simulation.journal import Journal, Struck
from tests.simulation.loop import Loop, StormError
from tests.simulation.plan import BEGIN_MS, Order, Plan, timer_id_of
from tests.simulation.ports import (
    SimulatedBus,
    SimulatedKeys,
    SimulatedParking,
    SimulatedReceivers,
    SimulatedSchedules,
    SkewedClock,
)
from tests.simulation.queues import SimulatedQueue
from tests.simulation.shield import SimulatedShield
from tests.simulation.store import SimulatedDeadLetters, SimulatedStore
from tests.simulation.streams import SimulatedStream, all_but_beats, what_arming_reads
from tests.simulation.users import Callers

__all__ = ["History", "World", "made_by", "name_of", "run", "timer_id_of"]

WAKE_VISIBILITY_MS, ACTION_VISIBILITY_MS = 120_000, 360_000
MINUTE_MS: Final = 60_000
PATIENCE_MS: Final = 48 * 3_600_000
IDLE_SWEEPS: Final = 20
"""Of so many sweeps that would find nothing, one is run."""

Setup = Callable[["World"], None]


class PlannedIds:
    """Ids in the form of UUIDv7 that name their order, so that a timer is called the same however a plan is cut."""

    def __init__(self, cross: Crossing) -> None:
        self._cross = cross

    def new_id(self) -> str:
        """Return the id of the timer that the caller's request makes."""
        order, attempt = self._cross.task.hint
        return timer_id_of(order.number, attempt)


@cache
def name_of(timer_id: str) -> str:
    """Return what people call a timer: `t3` is that of order 3, `t3'` of its second attempt."""
    try:
        number = UUID(timer_id).int >> 80
    except ValueError:
        return timer_id
    return f"t{number // 8 - 1}{chr(39) * (number % 8 - 1)}"


def made_by(order: Order, attempt: int = 1) -> str:
    """Return the id of the timer that a create makes: under a key it is the same at every attempt."""
    if order.details.get("keyed"):
        return derived_id(order.tenant_id, timer_id_of(order.number))
    return timer_id_of(order.number, attempt)


class World:
    """Everything that a history happens in."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop, self.chance = Loop(BEGIN_MS), Chance(plan.seed)
        self.journal = Journal(lambda: self.loop.now_ms)
        self.fates = Fates(plan.rates, self.chance, plan.spared, self._struck)
        cross = self.cross = Crossing(self.loop, self.chance, self.fates, self.journal, plan.latency_ms)
        store = SimulatedStore(cross, name_of)
        self._unborn = 0
        wakes = SimulatedQueue(
            "WakeQueue.send", cross, store, name_of, FIRE_BATCH, WAKE_VISIBILITY_MS, self._timer_to_come
        )
        attempts = SimulatedQueue(
            "ActionQueue.send", cross, store, name_of, RUN_BATCH, ACTION_VISIBILITY_MS, self._timer_to_come
        )
        self.ports = Ports(
            store,
            SimulatedDeadLetters(cross),
            wakes,
            attempts,
            SimulatedSchedules(cross, store, wakes),
            SimulatedBus(cross),
            SimulatedKeys(cross),
            SimulatedParking(cross),
            SimulatedReceivers(cross, store, plan.moods, name_of),
            SimulatedShield(cross, plan.put_offs, name_of),
            SkewedClock(cross),
            PlannedIds(cross),
        )
        self.functions = Functions(cross, self.ports, plan.skew_ms)
        self.streams = {
            "kernel_arm": SimulatedStream("kernel_arm", what_arming_reads, cross, name_of),
            "event_fabric": SimulatedStream("event_fabric", all_but_beats, cross, name_of),
        }
        self._wire()
        self.callers = Callers(self)
        self.operations = 0

    def _wire(self) -> None:
        on_event = self.functions.on_event
        self.streams["kernel_arm"].invoke = on_event("kernel_arm", "arm_timers")
        self.streams["event_fabric"].invoke = on_event("event_fabric", "publish_events")
        self.ports.wake_queue.invoke = on_event("kernel_fire", "fire_timer")
        self.ports.action_queue.invoke = on_event("orchestrator", "run_action")
        self.ports.store.streams += [stream.append for stream in self.streams.values()]

    def live(self) -> bool:
        """Let the history happen; returns whether it came to rest."""
        plan = self.plan
        self.callers.begin()
        for order in plan.orders:
            if order.verb == "rebuild":
                self.operations += 1
                self.loop.at(order.at_ms, lambda order=order: self._disaster(order))
        self.loop.at(BEGIN_MS + MINUTE_MS - BEGIN_MS % MINUTE_MS, self._each_minute)
        self.loop.at(plan.heal_ms, self._heal)
        end_ms = plan.heal_ms
        while end_ms < plan.heal_ms + PATIENCE_MS:
            self.loop.run(end_ms)
            if self.at_rest():
                return True
            end_ms += 5 * MINUTE_MS
        return False

    def at_rest(self) -> bool:
        """Tell whether nothing is left to happen."""
        ports = self.ports
        return not (
            self.callers.waiting
            or self.operations
            or self.cross.late
            or ports.wake_queue.messages
            or ports.action_queue.messages
            or ports.schedules.pending
            or not all(stream.idle for stream in self.streams.values())
            or ports.store.soonest_check_ms() is not None
        )

    def _struck(self, fault: Fault, name: str, subject: str) -> None:
        self.journal.add(Struck, "", fault, name, subject)

    def _heal(self) -> None:
        self.fates.over = True
        self.ports.store.catch_up()

    def _each_minute(self) -> None:
        now_ms, chance = self.loop.now_ms, self.chance
        soonest_ms = self.ports.store.soonest_check_ms()
        self.loop.at(now_ms + MINUTE_MS, self._each_minute)
        wanted = soonest_ms is not None and soonest_ms <= now_ms + self.plan.skew_ms
        if not wanted and (self.fates.over or chance.below(IDLE_SWEEPS, "idle sweep", "")):
            return  # it would find nothing
        if not self.fates.strikes(Fault.SWEEP_MISSED, "sweep", "sweep"):
            self.functions.sweep_once(lambda _: None)

    def _disaster(self, order: Order) -> None:
        """Lose every queue and schedule, and have an operator send every hint afresh; at times for no reason."""
        if self.chance.below(4, "disaster", ""):
            for queue in (self.ports.wake_queue, self.ports.action_queue):
                queue.messages.clear()
            self.ports.schedules.wipe()
        self._rebuild(order, (0, None), 1)

    def _rebuild(self, order: Order, resume_from: tuple[int, str | None], attempt: int) -> None:
        def ended(main: object) -> None:
            report = getattr(main, "result", None)
            if (report is not None and report.complete) or attempt == 5:
                self.operations -= 1
                return
            following = report.resume_from if report is not None else resume_from
            self.loop.at(self.loop.now_ms + 5_000, lambda: self._rebuild(order, following, attempt + 1))

        self.functions.rebuild(resume_from, ended)

    def _timer_to_come(self) -> str:
        """Return the id of a timer that is not there, perhaps not yet."""
        creates = [made_by(order) for order in self.plan.orders if order.verb == "create"]
        return next((made for made in creates if made not in self.ports.store.by_id), timer_id_of(500))


@dataclass
class History:
    """A history that has happened."""

    plan: Plan
    world: World
    rested: bool
    storm: str = ""

    @property
    def journal(self) -> Journal:
        """What happened."""
        return self.world.journal

    @property
    def strikes(self) -> list[str]:
        """The names of the faults that struck."""
        return [strike.name for strike in self.journal.of(Struck)]

    @property
    def cells(self) -> Counter[Cell]:
        """Faults at port calls, by cell of the matrix."""
        return self.world.fates.cells


def run(plan: Plan, setup: Setup | None = None) -> History:
    """Let a plan happen.

    Args:
        plan: The plan.
        setup: Called with the world before anything happens.
    """
    world = World(plan)
    if setup is not None:
        setup(world)
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return History(plan, world, world.live())
    except StormError as storm:
        return History(plan, world, False, str(storm))
    finally:
        logging.disable(level)
