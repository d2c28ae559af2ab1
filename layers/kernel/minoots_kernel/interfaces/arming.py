"""What arming reads from changes of timers: which are to be armed, and which schedules are to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minoots_kernel.application.arm_timers import ArmTimers, DisarmTimer
from minoots_kernel.domain.dispatch import wake_up_for
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import Status, Timer

__all__ = ["ArmChanges"]


@dataclass(frozen=True, slots=True)
class ArmChanges:
    """Hands the changes of a stream batch to the use cases."""

    arm: ArmTimers
    disarm: DisarmTimer

    def __call__(self, changes: Sequence[TimerChange]) -> set[int]:
        """Arm what is scheduled, under a generation that no record before told of; disarm what had a schedule before.

        A write that left the generation alone (a beat, a look of the sweep) left a wake-up under way.

        Returns:
            Indexes of the changes to be tried again.
        """
        to_arm: dict[WakeUp, list[int]] = {}
        failed: set[int] = set()
        for index, change in enumerate(changes):
            before = change.before
            if before is not None and before.generation == change.after.generation:
                continue
            # A heartbeat timer that began near was never armed: its later laps may have schedules all the same.
            if before is not None and (before.status is Status.ARMED or before.lap):
                failed |= self._disarm(index, before)
            if change.after.status is Status.SCHEDULED:
                to_arm.setdefault(wake_up_for(change.after), []).append(index)
        for wake_up in self.arm(list(to_arm)):
            failed.update(to_arm[wake_up])
        return failed

    def _disarm(self, index: int, before: Timer) -> set[int]:
        try:
            self.disarm(wake_up_for(before))
        except MinootsError:
            return {index}
        return set()
