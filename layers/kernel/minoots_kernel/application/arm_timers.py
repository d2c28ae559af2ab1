"""Give timers their wake-ups, by the leg that fits what is left (ADR 0002)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.hints import send_near
from minoots_kernel.application.ports import Clock, Delayed, TimerKey, TimerStore, WakeQueue, WakeSchedules
from minoots_kernel.domain.commands import Arm
from minoots_kernel.domain.errors import MinootsError, StaleHintError
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.waking import FarLeg, choose_leg

__all__ = ["ArmTimers", "DisarmTimer"]


@dataclass(frozen=True, slots=True)
class ArmTimers:
    """Arm timers that were stored. Near ones cost one queue message, ten to a call, and no write."""

    store: TimerStore
    wake_queue: WakeQueue
    schedules: WakeSchedules
    clock: Clock

    def __call__(self, wake_ups: Sequence[WakeUp]) -> dict[WakeUp, str]:
        """Arm each timer.

        Args:
            wake_ups: The wake-ups that the stored timers call for.

        Returns:
            Those that could not be sent and have to be tried again, each with its reason.
        """
        near: list[Delayed[WakeUp]] = []
        failed: dict[WakeUp, str] = {}
        for wake_up in wake_ups:
            leg = choose_leg(wake_up, self.clock.now_ms())
            if isinstance(leg, FarLeg):
                try:
                    self._arm_far(wake_up, leg)
                except MinootsError as error:
                    failed[wake_up] = error.detail
            else:
                near.append(Delayed(wake_up, leg.delay_s))
        return failed | send_near(near, self.wake_queue)

    def _arm_far(self, wake_up: WakeUp, leg: FarLeg) -> None:
        """Schedule first, then say so: the other way round a crash would leave an armed timer with no schedule."""
        timer = self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id))
        if timer is None or timer.generation != wake_up.generation or not timer.status.pending:
            return  # changed since; what changed it arms it again if it must
        self.schedules.put(wake_up, leg.at_ms)
        try:
            change_timer(self.store, timer, Arm(wake_up.generation), self.clock.now_ms())
        except StaleHintError:
            self._drop_if_over(wake_up)

    def _drop_if_over(self, wake_up: WakeUp) -> None:
        """Remove a schedule whose timer changed while it was made; of one that was armed already it is needed."""
        timer = self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id))
        if timer is None or timer.generation != wake_up.generation or not timer.status.pending:
            self.schedules.delete(wake_up)


@dataclass(frozen=True, slots=True)
class DisarmTimer:
    """Remove the schedule of a generation that is over; it would die unheard, but it counts against a quota."""

    schedules: WakeSchedules

    def __call__(self, wake_up: WakeUp) -> None:
        """Remove the wake-up's schedule, if there is one."""
        self.schedules.delete(wake_up)
