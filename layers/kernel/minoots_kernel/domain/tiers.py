"""What each tier allows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from minoots_contract.identity import TierName
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.domain.errors import BeyondTierError
from minoots_kernel.domain.timer import Timer

__all__ = ["TIERS", "Tier", "check_carried", "check_move", "check_size"]

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier's limits; none is no limit, and nothing is counted for it.

    Attributes:
        requests: Requests in a minute.
        creates: Timers made in a day, UTC.
        active: Timers that have not ended, at any time.
        payload_bytes: Largest request for a timer, bytes of JSON.
        horizon_ms: Farthest due time from now, milliseconds.
        actions: Most actions in a bundle.
    """

    requests: int | None = None
    creates: int | None = None
    active: int | None = None
    payload_bytes: int | None = None
    horizon_ms: int | None = None
    actions: int | None = None


TIERS: Final[dict[TierName, Tier]] = {
    "free": Tier(100, 25, 100, 16_384, 366 * DAY_MS, 5),
    "pro": Tier(1_000, 250, 2_500, 65_536, 5 * 366 * DAY_MS, 10),
    "team": Tier(5_000, 1_000, 20_000),
    "unlimited": Tier(),
}
"""Requests a minute and creates a day are those that callers of the first MINOOTS know."""


def check_size(tier: TierName, request: CreateTimerRequest, fire_at_ms: int, now_ms: int) -> None:
    """Let a request for a timer pass if its tier allows so large a one, due so far ahead.

    Raises:
        BeyondTierError: If it does not; it names the field.
    """
    allowed = TIERS[tier]
    bundle = request.action_bundle
    if allowed.actions is not None and bundle is not None and len(bundle.actions) > allowed.actions:
        raise _beyond(tier, "actionBundle.actions", f"at most {allowed.actions} actions")
    _check_horizon(tier, fire_at_ms - now_ms, "duration" if request.fire_at is None else "fireAt")
    if allowed.payload_bytes is None:
        return
    if len(request.model_dump_json(by_alias=True, exclude_none=True).encode()) > allowed.payload_bytes:
        raise _beyond(tier, "metadata", f"at most {allowed.payload_bytes} bytes of JSON for the whole request")


def check_move(tier: TierName, before: Timer, after: Timer, now_ms: int, field: str) -> None:
    """Let a change of a timer pass if its tier allows the due time that it sets, or the time left while it is paused.

    A change that sets neither passes, however far ahead the timer is due: a tier may have become smaller since.

    Args:
        tier: The tenant's.
        before: The timer as it was.
        after: The timer as it is going to be.
        now_ms: The service's clock, epoch milliseconds.
        field: The wire field that the time came in.

    Raises:
        BeyondTierError: If it does not; it names the field.
    """
    if after.fire_at_ms != before.fire_at_ms:
        _check_horizon(tier, after.fire_at_ms - now_ms, field)
    if None not in {before.remaining_ms, after.remaining_ms} and after.remaining_ms != before.remaining_ms:
        _check_horizon(tier, after.remaining_ms or 0, field)


def check_carried(tier: TierName, before: Timer, after: Timer) -> None:
    """Let a patch pass if its tier allows so much of what a timer is called and carries, its actions with it.

    One that adds nothing passes, however much there is: a tier may have become smaller since.

    Raises:
        BeyondTierError: If it does not; it names the field.
    """
    most = TIERS[tier].payload_bytes
    if most is not None and _carried_bytes(after) > max(most, _carried_bytes(before)):
        raise _beyond(tier, "metadata", f"at most {most} bytes of JSON, name, labels and actions with it")


def _carried_bytes(timer: Timer) -> int:
    spec = timer.spec
    carried = {"name": timer.name, "labels": spec.labels, "metadata": spec.metadata}
    parts = [json.dumps(carried, ensure_ascii=False, separators=(",", ":"))]
    parts += [
        part.model_dump_json(by_alias=True, exclude_none=True)
        for part in (spec.bundle, spec.agent_binding)
        if part is not None
    ]
    return sum(len(part.encode()) for part in parts)


def _check_horizon(tier: TierName, ahead_ms: int, field: str) -> None:
    horizon_ms = TIERS[tier].horizon_ms
    if horizon_ms is not None and ahead_ms > horizon_ms:
        raise _beyond(tier, field, f"at most {horizon_ms // DAY_MS} days ahead")


def _beyond(tier: TierName, field: str, message: str) -> BeyondTierError:
    return BeyondTierError(f"Your tier is '{tier}', which allows less.", ((field, message),))
