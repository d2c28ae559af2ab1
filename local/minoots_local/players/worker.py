"""A player's own thread, and the pool that it runs functions in."""

import threading
from collections.abc import Callable

from minoots_local.clock import Bell, Clock, NothingBefore
from minoots_local.logs import logger


class Player:
    """Runs `step` again and again on a thread of its own, sleeping as long as it says.

    Args:
        name: Name of the thread and of its log lines.
        clock: Time.
        step: One round; returns the epoch milliseconds at which to run again at the latest, or
            None to wait for the bell alone.
        nothing_before: Up to when a round is known to find nothing, so that a clock that is set forward may leave
            rounds out.

    Attributes:
        bell: Ring it to have a round run now.
    """

    # After a round that failed (the disk refused, say): long enough to be no storm.
    PAUSE_AFTER_FAILURE_MS = 500

    def __init__(
        self,
        name: str,
        clock: Clock,
        step: Callable[[], float | None],
        nothing_before: NothingBefore | None = None,
    ) -> None:
        self.bell = Bell(clock)
        self._clock = clock
        self._step = step
        self._nothing_before = nothing_before
        self._log = logger(name)
        self._stopping = threading.Event()
        self._name = name
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether the player was told to stop."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to play."""
        self._thread = threading.Thread(target=self._clock.hand_over(self._run), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after its present round."""
        self._stopping.set()
        self.bell.ring()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                again_ms = self._step()
            except Exception:
                self._log.exception("a round failed; going on")
                again_ms = self._clock.now_ms() + self.PAUSE_AFTER_FAILURE_MS
            if not self._stopping.is_set():
                self.bell.wait(again_ms, self._nothing_before)
