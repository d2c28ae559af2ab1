"""What the table's stream says: the item before and after a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minoots_kernel.adapters.dynamodb.codec import timer_from_item
from minoots_kernel.domain.errors import UnreadableRecordError
from minoots_kernel.domain.events import TimerChange

__all__ = ["read_change"]


def read_change(old_image: Mapping[str, Any] | None, new_image: Mapping[str, Any]) -> TimerChange:
    """Read a stream record's images as a change of a timer.

    A timer whose payload is an item of its own comes with an empty spec: the stream does not carry it.

    Raises:
        UnreadableRecordError: If an image is not a timer of this code's making.
    """
    try:
        before = timer_from_item(dict(old_image)) if old_image else None
        return TimerChange(before, timer_from_item(dict(new_image)), whole="payload" not in new_image)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnreadableRecordError(f"{type(error).__name__}: {error}") from error
