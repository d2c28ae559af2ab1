"""Read timers: one by its id, or a page of a tenant's."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_kernel.application.ports import Page, TimerKey, TimerStore
from minoots_kernel.domain.errors import NotFoundError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.timer_filter import EVERY, TimerFilter

__all__ = ["GetTimer", "ListTimers"]

MAX_ID = 64
"""Longest id that a timer may have; a longer one is looked up nowhere, whatever a store would say to it."""


@dataclass(frozen=True, slots=True)
class GetTimer:
    """Read one timer."""

    store: TimerStore

    def __call__(self, principal: Principal, timer_id: str) -> Timer:
        """Return the timer as it stands.

        Raises:
            NotFoundError: If the tenant has no such timer, whoever else may have one.
            ForbiddenError: If the principal may not do with it what the call is for.
        """
        timer = self.store.get(TimerKey(principal.tenant_id, timer_id)) if len(timer_id) <= MAX_ID else None
        if timer is None:
            raise NotFoundError(f"There is no timer '{timer_id[:MAX_ID]}'.")
        principal.check(timer)
        return timer


@dataclass(frozen=True, slots=True)
class ListTimers:
    """List a tenant's timers, newest first if not asked otherwise."""

    store: TimerStore

    def __call__(
        self,
        principal: Principal,
        *,
        statuses: frozenset[Status],
        limit: int,
        position: str | None,
        wanted: TimerFilter = EVERY,
        oldest_first: bool = False,
    ) -> Page[Timer]:
        """Return a page of those that the principal may read; see `TimerStore.page` for the arguments."""
        return self.store.page(
            principal.tenant_id,
            statuses=statuses,
            limit=limit,
            position=position,
            wanted=wanted,
            oldest_first=oldest_first,
            sight=principal.sight(),
        )
