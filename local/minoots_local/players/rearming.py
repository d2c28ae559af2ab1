"""Arms anew what an earlier run left: queues and schedules begin empty, the table does not."""

import logging
from collections.abc import Callable

from minoots_local.clock import Clock, next_of_period
from minoots_local.errors import LocalStackError
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.players.worker import Player

# Far timers wait their turn: arming a hundred thousand before the first request would take minutes.
_HORIZON_MS = 3_600_000.0
_STEP_MS = 600_000.0


class Rearming:
    """Has the sweep send the hints of pending timers: at start of those due within the hour, then hour by hour.

    Args:
        sweep: The function that does it.
        clock: Time.
        first_check: Tells which check (epoch milliseconds) is the first after an instant.
    """

    def __init__(self, sweep: LocalFunction, clock: Clock, first_check: Callable[[float], float]) -> None:
        self._sweep = sweep
        self._clock = clock
        self._armed_until_ms = 0
        self._next_ms = 0.0
        self._log = logger("rearming")
        self._first_check = first_check
        self._player = Player("rearming", clock, self._round, self._nothing_before)

    def begin(self) -> None:
        """Arm what is due within the hour.

        Raises:
            LocalStackError: The function failed.
        """
        try:
            self._arm()
        except Exception as error:
            raise LocalStackError(f"pending timers could not be armed at start: {error}") from error

    def start(self) -> None:
        """Go on with the hours to come."""
        self._player.start()

    def stop(self) -> None:
        """Arm nothing more."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for a round under way."""
        self._player.join(timeout_s)

    def _round(self) -> float:
        if self._clock.now_ms() >= self._next_ms:
            self._arm()
        return self._next_ms

    def _nothing_before(self) -> float:
        first_ms = self._first_check(self._armed_until_ms - 1) - _HORIZON_MS
        return next_of_period(self._next_ms, _STEP_MS, first_ms)

    def _arm(self) -> None:
        started_ms = self._clock.now_ms()
        until_ms = int(started_ms + _HORIZON_MS)
        event = {"rebuild": True, "sinceMs": self._armed_until_ms, "untilMs": until_ms}
        checked = failed = 0
        while True:
            answer = self._sweep.invoke(event)
            checked, failed = checked + answer["checked"], failed + answer["failed"]
            if answer["complete"]:
                break
            event |= {"resumeFrom": answer["resumeFrom"]}
        took_s = round((self._clock.now_ms() - started_ms) / 1000, 2)
        level = logging.WARNING if failed else logging.INFO
        self._log.log(level, "armed pending timers", extra={"took_s": took_s, "timers": checked, "failed": failed})
        self._armed_until_ms, self._next_ms = until_ms + 1, started_ms + _STEP_MS
