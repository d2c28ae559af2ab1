"""When a failed attempt is made again.

Pure: the jitter comes from the attempt's identity, so a repeat computes the same.
"""

from __future__ import annotations

import hashlib

from minoots_contract.actions import RetryPolicy

__all__ = ["retry_delay_ms"]


def retry_delay_ms(policy: RetryPolicy, delivery_id: str, attempt: int, retry_after_ms: int | None = None) -> int:
    """Return how long to wait after a failed attempt.

    Exponential with equal jitter: uniform over the upper half of ``initial · multiplier^(attempt-1)``. The lower half
    is left out so that, with a multiplier of two or more, every delay is at least as long as the one before it. The
    policy's cap holds for the computed delay; a receiver's own wish wins over both when it is longer.

    Args:
        policy: The bundle's retry policy.
        delivery_id: Identity of the delivery; with ``attempt`` it seeds the jitter.
        attempt: The attempt that failed, from 1.
        retry_after_ms: What the receiver asked for, milliseconds.

    Returns:
        Milliseconds.
    """
    ceiling = min(policy.backoff_initial_ms * policy.backoff_multiplier ** (attempt - 1), policy.backoff_max_ms)
    digest = hashlib.blake2b(f"{delivery_id}:{attempt}".encode(), digest_size=8).digest()
    fraction = int.from_bytes(digest) / 2**64
    computed = round(ceiling * (0.5 + fraction / 2))
    return max(computed, retry_after_ms or 0)
