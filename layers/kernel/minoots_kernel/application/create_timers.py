"""Create many timers, each of which may fail alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.hints import wake_all_directly
from minoots_kernel.domain.errors import DependencyUnavailableError, MinootsError, QuotaExceededError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["CreateTimers", "WantedTimer"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WantedTimer:
    """One of many: what is asked for, and the key under which, if there is one."""

    request: CreateTimerRequest
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CreateTimers:
    """Store many timers; those that it returns fire whatever crashes.

    Timers without a key are stored many to a call, for nobody else can know their ids. Those with one are conditional
    writes, as ever.

    Attributes:
        create: Creates one.
        side_by_side: Does the same for each of several things, as `map` does, or at the same time.
    """

    create: CreateTimer
    side_by_side: Callable[..., Iterable[Any]] = map

    def __call__(self, principal: Principal, wanted: Sequence[WantedTimer]) -> list[Timer | MinootsError]:
        """Create timers for the principal's tenant.

        Returns:
            For each, in their order, the timer, or why there is none: an error that creating it alone would have
            raised. Of two under one key in here the first is created.
        """
        made: dict[int, Timer | MinootsError] = {}
        for round_ in _rounds(wanted):
            outcomes = self.side_by_side(lambda index: self._begun(principal, wanted[index]), round_)
            made.update(zip(round_, outcomes, strict=True))
        drafts = [timer for index, timer in made.items() if isinstance(timer, Timer) and _is_draft(wanted[index])]
        refused = self._stored(principal, drafts) if drafts else {}
        results = [_settled(made[index], refused) for index in range(len(wanted))]
        stored = {timer.id: timer for timer in results if isinstance(timer, Timer)}
        wake_all_directly(list(stored.values()), self.create.wake_queue, self.create.clock)
        return results

    def _stored(self, principal: Principal, drafts: Sequence[Timer]) -> dict[str, MinootsError]:
        """Store drafts, each counted as one that is made alone is; returns why a timer was not stored, by its id."""
        limits, refused = self.create.limits, dict[str, MinootsError]()
        if limits is None:
            return self.create.store.create_many(drafts)
        charged: dict[str, int | None] = {}
        for place, timer in enumerate(drafts):
            try:
                charged[timer.id] = limits.charge(principal)
            except (QuotaExceededError, DependencyUnavailableError) as error:
                refused = {late.id: error for late in drafts[place:]}  # those behind would fare no better
                break
        refused |= self.create.store.create_many([timer for timer in drafts if timer.id in charged])
        for timer_id, why in refused.items():
            # Nobody knows whether one was stored that the store did not answer for: it stays counted.
            if timer_id in charged and not isinstance(why, DependencyUnavailableError):
                limits.refund(principal, charged[timer_id])
        return refused

    def _begun(self, principal: Principal, wanted: WantedTimer) -> Timer | MinootsError:
        """Store a timer that has a key; draft one that has none."""
        try:
            if wanted.idempotency_key is None:
                return self.create.drafted(principal, wanted.request, permit=principal.check_each)
            return self.create.once(principal, wanted.request, wanted.idempotency_key, permit=principal.check_each)
        except MinootsError as error:
            return error
        except Exception:
            # What became of the others must be told all the same.
            logger.exception("timer of a batch failed")
            return MinootsError("This timer broke something here; tell us the request id.")


def _is_draft(wanted: WantedTimer) -> bool:
    return wanted.idempotency_key is None


def _settled(made: Timer | MinootsError, refused: dict[str, MinootsError]) -> Timer | MinootsError:
    return refused.get(made.id, made) if isinstance(made, Timer) else made


def _rounds(wanted: Sequence[WantedTimer]) -> Iterable[list[int]]:
    """Yield the places of timers that may be created at once: first all but those whose key stands before them."""
    seen: set[str] = set()
    first: list[int] = []
    again: list[list[int]] = []
    for index, one in enumerate(wanted):
        if one.idempotency_key in seen:
            again.append([index])
            continue
        first.append(index)
        if one.idempotency_key is not None:
            seen.add(one.idempotency_key)
    yield first
    yield from again
