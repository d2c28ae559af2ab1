"""The state machine: executions that start late, die, end their waits early, come back late, or lose what they send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.executions import Execution, NextMove
from minoots_kernel.domain.messages import ActionMessage
from tests.simulation.asking.fate import Calls, Time
from tests.unit.application.world import Crash, World

__all__ = ["Machine"]

SECOND: Final = 1_000
LATE_MS: Final = (5, 400, 3_000, 60_000, 600_000)


@dataclass
class _Running:
    """An execution: whether it lives, and by which of its tokens it waits until when."""

    execution: Execution
    alive: bool = True
    waits: int = 0
    seconds: int = 0
    until_ms: int = 0


class Machine:
    """Plays the executions; the world's workflow is this.

    Args:
        send: Takes the messages that executions send.
    """

    def __init__(self, world: World, time: Time, calls: Calls, send: Callable[[ActionMessage], None]) -> None:
        self._world, self._time, self._calls, self._send = world, time, calls, send
        self._running: dict[str, _Running] = {}

    def start(self, execution: Execution) -> None:
        """Start an execution; its name is taken from then on, even if it is lost."""
        if execution.name in self._running:
            return
        running = self._running[execution.name] = _Running(execution)
        if self._lost():
            running.alive = False
            return
        if self._lost():
            self._time.at(self._calls.rng.randint(0, 40 * SECOND), lambda: self._abort(running))
        self._time.at(self._soon(), lambda: self._ask(running, execution.first))

    def wake(self, token: str) -> bool:
        running = self._waiting(token)
        if running is None:
            return False
        if not self._lost():
            running.waits += 1
            self._time.at(self._soon(), lambda: self._look(running))
        return True

    def keep(self, token: str) -> bool:
        running = self._waiting(token)
        if running is None:
            return False
        self._wait(running)
        return True

    def _lost(self) -> bool:
        return self._calls.happens(self._calls.kind.lost)

    def _soon(self) -> int:
        late = self._calls.happens(self._calls.kind.late)
        return self._calls.rng.choice(LATE_MS if late else (0, 5, 50))

    def _abort(self, running: _Running) -> None:
        running.alive = False

    def _ask(self, running: _Running, move: NextMove) -> None:
        if not running.alive:
            return
        running.waits += 1
        execution, token = running.execution, f"{running.execution.name}:{running.waits}"
        message = ActionMessage(
            execution.tenant_id, execution.timer_id, execution.action_id, move.attempt, token, execution.name
        )
        self._send(message)
        running.seconds = move.seconds
        self._wait(running)

    def _wait(self, running: _Running) -> None:
        """Wait by the token that was given last; a wait may end early."""
        waits, early = running.waits, self._lost()
        running.until_ms = self._time.clock.now_ms() + running.seconds * SECOND // (3 if early else 1)
        self._time.at(running.until_ms - self._time.clock.now_ms(), lambda: self._over(running, waits))

    def _over(self, running: _Running, waits: int) -> None:
        if running.alive and running.waits == waits and self._time.clock.now_ms() >= running.until_ms:
            running.waits += 1
            # Mostly at once: how late silence is found is looked at.
            late = self._calls.happens(self._calls.kind.late / 5)
            self._time.at(self._soon() if late else 0, lambda: self._look(running))

    def _look(self, running: _Running) -> None:
        if not running.alive:
            return
        execution = running.execution
        key = TimerKey(execution.tenant_id, execution.timer_id)
        try:
            with self._calls.by(("look", execution.name)):
                move = self._world.look(key, execution.action_id, execution.name)
        except (Crash, MinootsError):
            self._time.at(self._calls.rng.choice((1, 4, 30)) * SECOND, lambda: self._look(running))
            return
        if move.do == "ask":
            self._ask(running, move)
        elif move.do == "pause":
            self._time.at(move.seconds * SECOND, lambda: self._look(running))
        else:
            running.alive = False

    def _waiting(self, token: str) -> _Running | None:
        name, _, waits = token.rpartition(":")
        running = self._running.get(name)
        return running if running is not None and running.alive and running.waits == int(waits) else None
