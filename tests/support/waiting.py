"""To wait for what comes, and to be in time for what does: on a machine that may stall at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest

Scene = TypeVar("Scene")

ROOMS_S: Final = (1.0, 4.0, 16.0, 60.0)


def until(
    holds: Callable[[], Any], timeout_s: float = 30.0, what: str = "what was waited for", every_s: float = 0.005
) -> Any:
    """Wait for a condition to hold and return what it gave; fails the test when it never does."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := holds()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what} did not happen within {timeout_s:.0f} s")
        threading.Event().wait(every_s)
    return found


class TooLateError(Exception):
    """The instant came before the scene was set: the try says nothing."""


def before(due_ms: float) -> None:
    """End the try if an instant has come already.

    Args:
        due_ms: Milliseconds since 1970, UTC.

    Raises:
        TooLateError: If it is past.
    """
    if time.time() * 1000 >= due_ms:
        raise TooLateError


def with_room(scene: Callable[[float], Scene]) -> Scene:
    """Set a scene that has so many seconds, and again with more of them for as long as they were too few.

    Args:
        scene: Takes the seconds it has, and raises `TooLateError` if they were over before all was done.

    Returns:
        What the first scene in time returned.
    """
    for room_s in ROOMS_S:
        try:
            return scene(room_s)
        except TooLateError:
            continue
    raise AssertionError(f"the machine stalled for longer than {ROOMS_S[-1]:.0f} s, time and again")
