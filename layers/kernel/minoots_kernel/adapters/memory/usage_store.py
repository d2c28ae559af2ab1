"""What tenants use, in memory."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from minoots_kernel.application.identity_ports import TimersUsed
from minoots_kernel.application.ports import TimerStore

__all__ = ["MemoryUsageStore"]


class MemoryUsageStore:
    """Counts in dictionaries.

    Args:
        timers: Where the timers are that may be counted.
    """

    def __init__(self, timers: TimerStore) -> None:
        self._store = timers
        self._requests: dict[tuple[str, int], int] = {}
        self._timers: dict[str, TimersUsed] = {}
        self._lock = Lock()

    def take_requests(self, tenant_id: str, minute: int, count: int, limit: int) -> int | None:
        """Count requests in a minute, if so many are left; see the port."""
        with self._lock:
            used = self._requests.get((tenant_id, minute), 0) + count
            if used > limit:
                return None
            self._requests[tenant_id, minute] = used
            return used

    def requests(self, tenant_id: str, minute: int) -> int:
        """Return how many requests are counted in a minute."""
        return self._requests.get((tenant_id, minute), 0)

    def timers(self, tenant_id: str) -> TimersUsed | None:
        """Return what is counted of a tenant's timers."""
        return self._timers.get(tenant_id)

    def charge(self, tenant_id: str, day: int, now_ms: int, *, creates: int, active: int) -> bool:
        """Count one create on the day that is being counted; see the port."""
        with self._lock:
            used = self._timers.get(tenant_id)
            if used is None or used.day != day or used.creates >= creates or used.active >= active:
                return False
            self._timers[tenant_id] = TimersUsed(day, used.creates + 1, used.active + 1, now_ms)
            return True

    def charge_first(self, tenant_id: str, day: int, now_ms: int, *, active: int) -> bool:
        """Count the first create of a day; see the port."""
        with self._lock:
            used = self._timers.get(tenant_id)
            if used is not None and (used.day >= day or used.active >= active):
                return False
            self._timers[tenant_id] = TimersUsed(day, 1, 1 + (used.active if used else 0), now_ms)
            return True

    def refund(self, tenant_id: str, day: int) -> None:
        """Take back one create that was counted on a day, and one active timer."""
        with self._lock:
            used = self._timers.get(tenant_id)
            if used is None or used.day < day or not used.active:
                return
            creates = used.creates - (used.day == day)
            self._timers[tenant_id] = replace(used, creates=creates, active=used.active - 1)

    def recount(self, tenant_id: str, seen: TimersUsed, active: int) -> None:
        """Set how many are active, unless one was counted since; see the port."""
        with self._lock:
            used = self._timers.get(tenant_id)
            if used is not None and (used.charged_at_ms, used.day) == (seen.charged_at_ms, seen.day):
                self._timers[tenant_id] = replace(used, active=active)

    def count_active(self, tenant_id: str, most: int) -> int:
        """Count a tenant's timers that have not ended, up to a number; see the port."""
        found, position = 0, None
        while found < most:
            page = self._store.page(tenant_id, statuses=frozenset(), limit=200, position=position)
            found += sum(not timer.status.terminal for timer in page.items)
            position = page.next_position
            if position is None:
                break
        return min(found, most)
