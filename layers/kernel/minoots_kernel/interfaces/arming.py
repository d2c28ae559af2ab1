"""What arming reads from changes of timers: which are to be armed, and which schedules are to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minoots_kernel.application.arm_timers import ArmTimers, DisarmTimer
from minoots_kernel.domain.dispatch import wake_up_for
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.messages import WakeUp
from minoots_kernel.domain.timer import Status

__all__ = ["ArmChanges"]


@dataclass(frozen=True, slots=True)
class ArmChanges:
    """Hands the changes of a stream batch to the use cases."""

    arm: ArmTimers
    disarm: DisarmTimer

    def __call__(self, changes: Sequence[TimerChange]) -> set[int]:
        """Arm what is scheduled, disarm what was armed and is cancelled.

        Returns:
            Indexes of the changes to be tried again.
        """
        to_arm: dict[WakeUp, list[int]] = {}
        failed: set[int] = set()
        for index, change in enumerate(changes):
            if change.after.status is Status.SCHEDULED:
                to_arm.setdefault(wake_up_for(change.after), []).append(index)
            elif self._was_disarmed(change):
                failed |= self._disarm(index, change)
        for wake_up in self.arm(list(to_arm)):
            failed.update(to_arm[wake_up])
        return failed

    @staticmethod
    def _was_disarmed(change: TimerChange) -> bool:
        before = change.before
        return before is not None and before.status is Status.ARMED and change.after.status is Status.CANCELLED

    def _disarm(self, index: int, change: TimerChange) -> set[int]:
        try:
            self.disarm(wake_up_for(change.before or change.after))
        except MinootsError:
            return {index}
        return set()
