"""Write the audit of what was changed in timers, as the stream of the table tells it (ADR 0001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minoots_kernel.application.audit_ports import AuditStore
from minoots_kernel.domain.audit import entry_of_change
from minoots_kernel.domain.events import TimerChange

__all__ = ["AuditChanges"]


@dataclass(frozen=True, slots=True)
class AuditChanges:
    """Write entries for changes of timers, as the stream of the table tells them.

    Attributes:
        then: What else is done with the changes; returns the indexes of those that failed.
    """

    store: AuditStore
    then: Callable[[Sequence[TimerChange]], set[int]]

    def __call__(self, changes: Sequence[TimerChange]) -> set[int]:
        """Write the entries of the changes that callers asked for, then do the rest.

        Raises:
            DependencyUnavailableError: If the audit does not answer: all has to come again.
        """
        entries = [entry for entry in map(entry_of_change, changes) if entry is not None]
        if entries:
            self.store.add(entries)
        return self.then(changes)
