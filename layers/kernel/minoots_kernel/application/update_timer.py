"""Change what a timer is called and what it carries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from minoots_kernel.application.change import change_timer
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.ports import Clock, TimerStore
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.application.read_timers import GetTimer
from minoots_kernel.domain.commands import Update
from minoots_kernel.domain.guards import Guard, remembered
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import apply

__all__ = ["UpdateTimer"]


@dataclass(frozen=True, slots=True)
class UpdateTimer:
    """Apply a merge patch to a timer, in one conditional write.

    Attributes:
        checks: As those of a create: what a patch takes away must not be what an action's template names.
    """

    store: TimerStore
    clock: Clock
    prepare_actions: PrepareActions
    checks: Sequence[Callable[[Timer], None]] = ()
    limits: Limits | None = None
    """Holds tenants to their tiers; none where nobody is held."""

    def __call__(
        self,
        principal: Principal,
        timer_id: str,
        patch: Mapping[str, JsonValue],
        *,
        versions: frozenset[int] | None = None,
        idempotency_key: str | None = None,
    ) -> Timer:
        """Return the timer as the patch left it; as it was, if there is nothing to change.

        Args:
            principal: Who calls.
            timer_id: Which timer.
            patch: `name`, `labels` and `metadata`, those that are to change.
            versions: Change the timer only if it stands at one of these; at any when none.
            idempotency_key: As of a change of mind.

        Raises:
            NotFoundError: If the tenant has no such timer.
            ForbiddenError: If the principal may not do that with it.
            StateConflictError: If its status does not allow the change.
            VersionMismatchError: If it stands at another version.
            IdempotencyMismatchError: If the key came with another request.
            InvalidTimerError: If the timer could not be so, or an action could not be done any more.
            BeyondTierError: If it would carry more than the tenant's tier allows.
        """
        timer = GetTimer(self.store)(principal, timer_id)
        command = Update(principal.subject, patch=patch)
        asked = f"Update {json.dumps(patch, sort_keys=True)}"
        mark = None if idempotency_key is None else remembered(idempotency_key, asked)
        limit = None if self.limits is None else partial(_check_limit, self.limits, principal)
        guard = Guard(versions, mark, permit=principal.check, via=principal.via, limit=limit)
        if not guard.has_seen(timer):
            guard.check(timer)
            self._check(apply(timer, command, self.clock.now_ms()).timer)
        return change_timer(self.store, timer, command, self.clock.now_ms(), guard).timer

    def _check(self, timer: Timer) -> None:
        if not timer.status.terminal:
            self.prepare_actions(timer)
            for check in self.checks:
                check(timer)


def _check_limit(limits: Limits, principal: Principal, before: Timer, after: Timer) -> None:
    limits.check_carried(principal, before, after)
