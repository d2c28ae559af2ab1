"""What must hold of a timer before a change is made, beside what the change itself asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from minoots_kernel.domain.errors import IdempotencyMismatchError, VersionMismatchError
from minoots_kernel.domain.timer import Remembered, Timer, Via

__all__ = ["MAX_REMEMBERED", "UNGUARDED", "Guard", "check_version", "remembered"]

MAX_REMEMBERED: Final = 4
"""How many keyed changes a timer remembers, some thirty bytes each: a lost answer is asked for again within seconds."""


def check_version(version: int, expected: frozenset[int] | None) -> None:
    """Let something be changed that stands at an expected version.

    Args:
        version: The version at which it stands; 0 if there is none yet.
        expected: The versions upon which that may be done; any when none.

    Raises:
        VersionMismatchError: If it stands at another.
    """
    if expected is not None and version not in expected:
        raise VersionMismatchError(f"It is at version {version} by now: read it, and decide again.")


@dataclass(frozen=True, slots=True)
class Guard:
    """The conditions of a change.

    Attributes:
        versions: The versions at which the timer may stand; any when none.
        mark: What the change is remembered by; none when it came without an idempotency key.
        permit: Lets a timer pass that may be changed by who wants to, and raises `ForbiddenError` otherwise.
        via: Who asks, if the audit is to know.
        limit: Lets a change pass by what it makes of a timer, given before and after, and raises `BeyondTierError`
            if that is more than its tenant may have; none where nobody is held.
    """

    versions: frozenset[int] | None = None
    mark: Remembered | None = None
    permit: Callable[[Timer], None] | None = None
    via: Via | None = None
    limit: Callable[[Timer, Timer], None] | None = None

    def has_seen(self, timer: Timer) -> bool:
        """Tell whether this very change was made before.

        Raises:
            IdempotencyMismatchError: If its key came with another request.
        """
        if self.mark is None:
            return False
        known = next((one for one in timer.remembered if one.key == self.mark.key), None)
        if known is not None and known.request != self.mark.request:
            raise IdempotencyMismatchError(
                "This key came with another request before: take a new key for a new request.",
                (("Idempotency-Key", "used for another request"),),
            )
        return known is not None

    def check(self, timer: Timer) -> None:
        """Let a timer pass that stands at an expected version and may be changed.

        Raises:
            VersionMismatchError: If it stands at another.
            ForbiddenError: If it may not be changed as it stands.
        """
        if self.permit is not None:
            self.permit(timer)
        if self.versions is not None and timer.version not in self.versions:
            raise VersionMismatchError(
                f"The timer is at version {timer.version} by now: read it, and decide again upon what it has become."
            )

    def check_outcome(self, before: Timer, after: Timer) -> None:
        """Let a change pass that makes of a timer what it may become.

        Who may not make such a timer may not make one of another: what is called, labelled or timed anew is asked about
        once more, as it is going to be.

        Raises:
            ForbiddenError: If who wants the change may not have to do with what comes of it.
            BeyondTierError: If that is beyond its tenant's tier.
        """
        if self.permit is not None and _seen_anew(before, after):
            self.permit(replace(after, status=before.status))
        if self.limit is not None:
            self.limit(before, after)

    def sign(self, timer: Timer) -> Timer:
        """Return the timer as it is to be stored after the change, with the change's mark and who asked for it."""
        if self.via is not None:
            timer = replace(timer, via=self.via)
        if self.mark is None:
            return timer
        return replace(timer, remembered=(*timer.remembered, self.mark)[-MAX_REMEMBERED:])


def _seen_anew(before: Timer, after: Timer) -> bool:
    return (before.name, before.spec.labels, before.fire_at_ms) != (after.name, after.spec.labels, after.fire_at_ms)


UNGUARDED: Final = Guard()
"""No condition."""


def remembered(key: str, request: str) -> Remembered:
    """Return what a change is remembered by.

    Args:
        key: The caller's idempotency key.
        request: What was asked, verb and body, always written in the same way.
    """
    return Remembered(_digest(key, 8), _digest(request, 6))


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
