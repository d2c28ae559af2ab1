"""Which of a tenant's timers a listing shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from minoots_kernel.domain.timer import Timer

__all__ = ["EVERY", "LabelTest", "TimerFilter"]


@dataclass(frozen=True, slots=True)
class LabelTest:
    """What has to hold of a timer's label.

    Attributes:
        name: The label.
        value: What it is to be; none when it only has to be there.
        negated: Whether that must not hold: a timer without the label passes then.
    """

    name: str
    value: str | None = None
    negated: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it holds of a timer's labels."""
        found = labels.get(self.name)
        is_so = found is not None if self.value is None else found == self.value
        return is_so is not self.negated


@dataclass(frozen=True, slots=True)
class TimerFilter:
    """What has to hold of a timer, all of it.

    Attributes:
        labels: Of its labels.
        due_from_ms: It is due then or later, epoch milliseconds.
        due_before_ms: It is due before then, epoch milliseconds.
        name_prefix: How its name begins.
        created_by: Who asked for it (`requestedBy`).
    """

    labels: tuple[LabelTest, ...] = ()
    due_from_ms: int | None = None
    due_before_ms: int | None = None
    name_prefix: str = ""
    created_by: str | None = None

    def matches(self, timer: Timer) -> bool:
        """Tell whether it holds of a timer."""
        beside = self.holds_beside_labels(timer.name, timer.requested_by, timer.fire_at_ms)
        return beside and self.holds_of(timer.spec.labels)

    def holds_beside_labels(self, name: str, created_by: str, due_ms: int) -> bool:
        """Tell whether all but its labels is as it has to be of a timer of which this is known."""
        if not name.startswith(self.name_prefix) or self.created_by not in {None, created_by}:
            return False
        if self.due_from_ms is not None and due_ms < self.due_from_ms:
            return False
        return self.due_before_ms is None or due_ms < self.due_before_ms

    def holds_of(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a timer's labels are as they have to be."""
        return all(test.holds(labels) for test in self.labels)


EVERY: Final = TimerFilter()
"""Every timer."""
