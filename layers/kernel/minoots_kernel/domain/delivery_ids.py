"""The id of a delivery: that of its timer, and that of its action, as `webhook-id` may carry them.

Standard Webhooks signs `id.timestamp.body`, so an id with a dot in it could be read as a shorter id with another
timestamp. Ids of actions may have dots; `~`, which they never have, stands for these. Ids of timers have neither dots
nor underscores (they are UUIDs), so the first underscore ends the timer's.
"""

from __future__ import annotations

from typing import Final

__all__ = ["delivery_id", "delivery_of", "timer_of"]

_BETWEEN: Final = "_"
_DOT: Final = str.maketrans(".", "~")
_TILDE: Final = str.maketrans("~", ".")


def delivery_id(timer_id: str, action_id: str) -> str:
    """Return the identity that every attempt of an action carries (the Standard Webhooks `webhook-id`)."""
    return f"{timer_id}{_BETWEEN}{action_id.translate(_DOT)}"


def delivery_of(identity: str) -> tuple[str, str]:
    """Return the ids of a delivery's timer and action; of a text that is no delivery's id the second may be empty."""
    timer_id, _, action_id = identity.partition(_BETWEEN)
    return timer_id, action_id.translate(_TILDE)


def timer_of(identity: str) -> str:
    """Return the id of a delivery's timer."""
    return delivery_of(identity)[0]
